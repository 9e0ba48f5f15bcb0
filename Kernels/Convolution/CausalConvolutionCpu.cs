using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Convolution on the CPU: an item is a sequence's rows and a range of channels.</summary>
internal sealed unsafe class CausalConvolutionCpu(CpuBackend backend) : CausalConvolution
{
    private protected override void Launch(Tensor x, Tensor weight, Tensor history, Tensor segments, Tensor output)
    {
        CausalConvolutionArguments arguments = new()
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
        int sequences = (int)segments.Shape[0];
        long rows = x.Shape[0] / sequences;
        backend.Run(
            CpuKernel.CausalConvolution, &arguments, sequences * arguments.Ranges,
            12L * rows * arguments.Taps * CausalConvolutionArguments.RangeChannels);
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
            int last = int.Min(first + CausalConvolutionArguments.RangeChannels, a->Channels);
            for (int c = first; c < last; c += Lanes)
            {
                Channels(a, segment, c, int.Min(Lanes, last - c));
            }
        }
    }

    // The window slides through memory: window[0 … W−2] are the inputs before the row, oldest first. Taps are summed in
    // double, since what follows is normalised: a small sum of large taps would come out coarse.
    [SkipLocalsInit]
    private static void Channels(CausalConvolutionArguments* a, int* segment, int c, int count)
    {
        int taps = a->Taps, rows = segment[Segments.Rows];
        double* weight = stackalloc double[MaxTaps * Lanes];
        double* window = stackalloc double[MaxTaps * Lanes];
        for (int i = 0; i < taps; i++)
        {
            for (int lane = 0; lane < Lanes; lane++)
            {
                weight[(i * Lanes) + lane] = lane < count ? a->Weight[((long)(c + lane) * taps) + i] : 0;
            }
        }

        bool versioned = a->SegmentColumns == Segments.VersionedColumns;
        long pitch = versioned ? segment[Segments.Pitch] : 0, slot = segment[Segments.Slot];
        float* history = a->History + (segment[versioned ? Segments.Source : Segments.Slot] * (taps - 1L) * a->Channels) + c;
        bool fresh = segment[Segments.FirstPosition] == 0;
        for (int i = 0; i < taps - 1; i++)
        {
            Load(history + ((long)i * a->Channels), fresh ? 0 : count, window + (i * Lanes));
        }

        for (long t = segment[Segments.FirstRow]; t < segment[Segments.FirstRow] + (long)rows; t++)
        {
            Load(a->X + (t * a->XStride) + c, count, window + ((taps - 1) * Lanes));
            Vector512<double> low = Vector512<double>.Zero, high = Vector512<double>.Zero;
            for (int i = 0; i < taps; i++)
            {
                low += Vector512.Load(window + (i * Lanes)) * Vector512.Load(weight + (i * Lanes));
                high += Vector512.Load(window + (i * Lanes) + Wide.Lanes) * Vector512.Load(weight + (i * Lanes) + Wide.Lanes);
            }

            float* y = a->Output + (t * a->Channels) + c;
            Wide.Store(y, Wide.Silu(low), int.Min(count, Wide.Lanes));
            Wide.Store(y + Wide.Lanes, Wide.Silu(high), int.Max(count - Wide.Lanes, 0));
            for (int i = 0; i < (taps - 1) * Lanes; i += Wide.Lanes)
            {
                Vector512.Load(window + i + Lanes).Store(window + i);
            }

            if (pitch > 0)
            {
                Keep(a, slot, c, count, window);
                slot += pitch;
            }
        }

        if (pitch == 0)
        {
            Keep(a, slot, c, count, window);
        }
    }

    private static void Keep(CausalConvolutionArguments* a, long slot, int c, int count, double* window)
    {
        for (int i = 0; i < a->Taps - 1; i++)
        {
            float* target = a->History + (((slot * (a->Taps - 1)) + i) * a->Channels) + c;
            Wide.Store(target, Vector512.Load(window + (i * Lanes)), int.Min(count, Wide.Lanes));
            Wide.Store(target + Wide.Lanes, Vector512.Load(window + (i * Lanes) + Wide.Lanes), int.Max(count - Wide.Lanes, 0));
        }
    }

    private static void Load(float* source, int count, double* target)
    {
        Wide.Load(source, int.Min(count, Wide.Lanes)).Store(target);
        Wide.Load(source + Wide.Lanes, int.Max(count - Wide.Lanes, 0)).Store(target + Wide.Lanes);
    }
}
