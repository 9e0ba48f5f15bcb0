using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Convolution on the CPU: an item is a sequence's rows and a range of channels.</summary>
internal sealed unsafe class CausalConvolutionCpu(CpuBackend backend) : CausalConvolution
{
    private protected override void Launch(Tensor x, Tensor weight, Tensor history, Tensor segments, Tensor output)
    {
        var arguments = CausalConvolutionArguments.For(x, weight, history, segments, output);
        int sequences = (int)segments.Shape[0];
        backend.Run(
            CpuKernel.CausalConvolution, &arguments, sequences * arguments.Ranges, arguments.Work(x.Shape[0] / sequences, CausalConvolutionArguments.RangeChannels));
    }
}

/// <summary>What <see cref="CausalConvolutionBody"/> reads.</summary>
internal unsafe struct CausalConvolutionArguments
{
    public const int RangeChannels = 128;

    public float* X;
    public long XStride;
    public float* Weight;
    public int Channels;
    public int Taps;
    public float* History;
    public int* Segments;
    public int SegmentColumns;
    public float* Output;

    public readonly int Ranges => (Channels + RangeChannels - 1) / RangeChannels;

    public static CausalConvolutionArguments For(Tensor x, Tensor weight, Tensor history, Tensor segments, Tensor output) => new()
    {
        X = (float*)x.Address,
        XStride = x.RowStride,
        Weight = (float*)weight.Address,
        Channels = (int)weight.Shape[0],
        Taps = (int)weight.Shape[1],
        History = (float*)history.Address,
        Segments = (int*)segments.Address,
        SegmentColumns = (int)segments.Shape[1],
        Output = (float*)output.Address,
    };

    /// <summary>Multiply-adds that take as long: a channel's weights and history cost as much as two rows' taps with their exponential.</summary>
    public readonly long Work(long rows, long channels) => 22 * (rows + 2) * Taps * channels;
}

/// <summary>The body of <see cref="CausalConvolutionCpu"/>.</summary>
internal static unsafe class CausalConvolutionBody
{
    private const int Lanes = 2 * Wide.Lanes;
    private const int MaxTaps = 8;

    public static void Run(CausalConvolutionArguments* a, int begin, int end)
    {
        for (int item = begin; item < end; item++)
        {
            int* segment = a->Segments + (item / a->Ranges * a->SegmentColumns);
            int first = item % a->Ranges * CausalConvolutionArguments.RangeChannels;
            Range(a, segment, first, int.Min(first + CausalConvolutionArguments.RangeChannels, a->Channels));
        }
    }

    /// <summary>A segment's rows, of some channels.</summary>
    public static void Range(CausalConvolutionArguments* a, int* segment, int first, int last)
    {
        for (int c = first; c < last; c += Lanes)
        {
            Channels(a, segment, c, int.Min(Lanes, last - c));
        }
    }

    // Taps are summed in double, since what follows is normalised: a small sum of large taps would come out coarse. The inputs
    // before the first row are copied, since a row may leave its history where they lie.
    [SkipLocalsInit]
    private static void Channels(CausalConvolutionArguments* a, int* segment, int c, int count)
    {
        int taps = a->Taps, rows = segment[Segments.Rows], low = int.Min(count, Wide.Lanes), high = count - low;
        double* weight = stackalloc double[MaxTaps * Lanes];
        float* past = stackalloc float[MaxTaps * Lanes];
        if (count < Lanes)
        {
            new Span<double>(weight, taps * Lanes).Clear();
        }

        float* w = a->Weight + ((long)c * taps);
        if (taps == 4 && count == Lanes && Sse.IsSupported)
        {
            Transpose(w, weight);
            Transpose(w + (4 * Wide.Lanes), weight + Wide.Lanes);
        }
        else
        {
            for (int lane = 0; lane < count; lane++)
            {
                for (int i = 0; i < taps; i++)
                {
                    weight[(i * Lanes) + lane] = *w++;
                }
            }
        }

        bool versioned = a->SegmentColumns == Segments.VersionedColumns;
        long pitch = versioned ? segment[Segments.Pitch] : 0, slot = segment[Segments.Slot];
        float* history = a->History + (segment[versioned ? Segments.Source : Segments.Slot] * (taps - 1L) * a->Channels) + c;
        bool fresh = segment[Segments.FirstPosition] == 0;
        for (int i = 0; i < taps - 1; i++)
        {
            if (fresh)
            {
                new Span<float>(past + (i * Lanes), Lanes).Clear();
            }
            else
            {
                Copy(history + ((long)i * a->Channels), past + (i * Lanes), count);
            }
        }

        float* x = a->X + (segment[Segments.FirstRow] * a->XStride) + c, y = a->Output + ((long)segment[Segments.FirstRow] * a->Channels) + c;
        for (int row = 0; row < rows; row++, y += a->Channels)
        {
            Vector512<double> first = Vector512<double>.Zero, second = Vector512<double>.Zero;
            for (int i = 0; i < taps; i++)
            {
                float* input = Input(a, x, past, row + i);
                first += Wide.Load(input, low) * Vector512.Load(weight + (i * Lanes));
                second += Wide.Load(input + Wide.Lanes, high) * Vector512.Load(weight + (i * Lanes) + Wide.Lanes);
            }

            Wide.Store(y, Wide.Silu(first), low);
            Wide.Store(y + Wide.Lanes, Wide.Silu(second), high);
            if (pitch > 0 || row == rows - 1)
            {
                for (int i = 0; i < taps - 1; i++)
                {
                    Copy(Input(a, x, past, row + 1 + i), a->History + (((slot * (taps - 1)) + i) * a->Channels) + c, count);
                }

                slot += pitch;
            }
        }
    }

    // Eight channels of four taps, tap by tap, in whole vectors: what is stored number by number and loaded as a vector waits for
    // the stores to reach the cache, a quarter of what a single row takes.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(float* w, double* weight)
    {
        Four(w, out Vector128<float> a0, out Vector128<float> a1, out Vector128<float> a2, out Vector128<float> a3);
        Four(w + 16, out Vector128<float> b0, out Vector128<float> b1, out Vector128<float> b2, out Vector128<float> b3);
        Vector512.WidenLower(Vector256.Create(a0, b0).ToVector512Unsafe()).Store(weight);
        Vector512.WidenLower(Vector256.Create(a1, b1).ToVector512Unsafe()).Store(weight + Lanes);
        Vector512.WidenLower(Vector256.Create(a2, b2).ToVector512Unsafe()).Store(weight + (2 * Lanes));
        Vector512.WidenLower(Vector256.Create(a3, b3).ToVector512Unsafe()).Store(weight + (3 * Lanes));
    }

    // A matrix of four by four, turned.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four(float* w, out Vector128<float> t0, out Vector128<float> t1, out Vector128<float> t2, out Vector128<float> t3)
    {
        Vector128<float> a = Vector128.Load(w), b = Vector128.Load(w + 4), c = Vector128.Load(w + 8), d = Vector128.Load(w + 12);
        Vector128<float> ab = Sse.UnpackLow(a, b), cd = Sse.UnpackLow(c, d);
        (t0, t1) = (Sse.MoveLowToHigh(ab, cd), Sse.MoveHighToLow(cd, ab));
        (ab, cd) = (Sse.UnpackHigh(a, b), Sse.UnpackHigh(c, d));
        (t2, t3) = (Sse.MoveLowToHigh(ab, cd), Sse.MoveHighToLow(cd, ab));
    }

    // The inputs in their order: those before the first row, then the rows'.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float* Input(CausalConvolutionArguments* a, float* x, float* past, int place)
    {
        int row = place - (a->Taps - 1);
        return row < 0 ? past + (place * Lanes) : x + (row * a->XStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy(float* source, float* target, int count)
    {
        if (count == Lanes)
        {
            Vector512.Load(source).Store(target);
            return;
        }

        for (int i = 0; i < count; i++)
        {
            target[i] = source[i];
        }
    }
}
