using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Products of rounded weights on the CPU in two launches: x is rounded, an item a row; an item is a block of rows of W against all rows of x.</summary>
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "Ops live as long as their set, and a host buffer is a safe handle: it frees itself with the last who holds it.")]
internal sealed unsafe class EightBitLinearCpu(CpuBackend backend) : EightBitLinear
{
    // What a step's rows are rounded to; as large as the largest launch so far.
    private HostBuffer? _rounded;

    private protected override void Launch(Tensor x, EightBitWeight weight, Tensor output)
    {
        int rows = (int)x.Shape[0];
        long scales = (long)rows * sizeof(float), bytes = scales + (rows * weight.Pitch * sizeof(short)) + EightBitLinearArguments.Alignment;
        if (_rounded is null || _rounded.Bytes < bytes)
        {
            _rounded?.Dispose();
            _rounded = new HostBuffer(bytes);
        }

        EightBitLinearArguments arguments = new()
        {
            X = (float*)x.Address,
            XStride = x.RowStride,
            Rows = rows,
            K = weight.Inputs,
            N = weight.Outputs,
            Levels = Levels(weight.Inputs),
            Pitch = weight.Pitch,
            Rounded = (short*)_rounded.Address,
            RowScales = (float*)(_rounded.Address + (nint)(rows * weight.Pitch * sizeof(short))),
            W = weight.Values,
            Scales = weight.Scales,
            Y = (float*)output.Address,
            YStride = output.RowStride,
        };
        backend.Run(CpuKernel.RoundRows, &arguments, rows, 2 * weight.Inputs);
        int blocks = (int)((weight.Outputs + EightBitLinearArguments.BlockRows - 1) / EightBitLinearArguments.BlockRows);
        backend.Run(CpuKernel.EightBitLinear, &arguments, blocks, EightBitLinearArguments.BlockRows * weight.Inputs * rows * 2 / 3);
    }
}

/// <summary>What <see cref="EightBitLinearBody{V}"/> reads.</summary>
internal unsafe struct EightBitLinearArguments
{
    public const int BlockRows = LinearWeight.BlockRows;
    public const int Alignment = 64;

    public float* X;
    public long XStride;
    public int Rows;
    public long K;
    public long N;
    public int Levels;
    public long Pitch;
    public short* Rounded;
    public float* RowScales;
    public sbyte* W;
    public float* Scales;
    public float* Y;
    public long YStride;
}

/// <summary>The bodies of <see cref="EightBitLinearCpu"/>.</summary>
internal static unsafe class EightBitLinearBody<V> where V : struct, IVec<V>
{
    private const int Lanes = 16;
    private const int CacheLine = 64;

    /// <summary>Rounds rows of x; behind the end of a row stand zeros.</summary>
    public static void RoundRows(EightBitLinearArguments* a, int begin, int end)
    {
        for (long t = begin; t < end; t++)
        {
            float* x = a->X + (t * a->XStride);
            short* target = a->Rounded + (t * a->Pitch);
            Vector512<float> most = Vector512<float>.Zero;
            long whole = a->K / Lanes * Lanes, k = 0;
            for (; k < whole; k += Lanes)
            {
                most = Vector512.Max(most, Vector512.Abs(Vector512.Load(x + k)));
            }

            float largest = 0;
            for (int i = 0; i < Lanes; i++)
            {
                largest = float.Max(largest, most[i]);
            }

            for (; k < a->K; k++)
            {
                largest = float.Max(largest, float.Abs(x[k]));
            }

            float factor = EightBitWeight.Factor(a->Levels, largest);
            for (k = 0; k < whole; k += Lanes)
            {
                Vector512<int> rounded = Vector512.ConvertToInt32(Vector512.Round(Vector512.Load(x + k) * Vector512.Create(factor)));
                Vector512.Narrow(rounded, rounded).GetLower().Store(target + k);
            }

            for (; k < a->K; k++)
            {
                target[k] = (short)(int)float.Round(x[k] * factor);
            }

            new Span<short>(target + k, (int)(a->Pitch - k)).Clear();
            a->RowScales[t] = largest / a->Levels;
        }
    }

    /// <summary>Multiplies blocks of rows of W.</summary>
    public static void Run(EightBitLinearArguments* a, int begin, int end)
    {
        if (typeof(V) == typeof(Vec512))
        {
            Run<ByteDots512>(a, begin, end);
        }
        else if (typeof(V) == typeof(Vec256x2))
        {
            Run<ByteDots256>(a, begin, end);
        }
        else
        {
            Run<ByteDots128>(a, begin, end);
        }
    }

    private static void Run<D>(EightBitLinearArguments* a, int begin, int end) where D : struct, IByteDots<D>
    {
        for (int item = begin; item < end; item++)
        {
            long first = (long)item * EightBitLinearArguments.BlockRows, last = long.Min(a->N, first + EightBitLinearArguments.BlockRows);
            int row = 0;
            for (; row + 2 <= a->Rows; row += 2)
            {
                Rows<D, TwoRows>(a, row, first, last);
            }

            if (row < a->Rows)
            {
                Rows<D, OneRow>(a, row, first, last);
            }
        }
    }

    // The weight's last rows are followed by rows of zeros, so tiles are whole.
    private static void Rows<D, R>(EightBitLinearArguments* a, long row, long first, long last)
        where D : struct, IByteDots<D>
        where R : struct, IRowCount
    {
        long pitch = a->Pitch;
        short* x0 = a->Rounded + (row * pitch), x1 = R.Count > 1 ? x0 + pitch : x0;
        for (long n = first; n < last; n += 4)
        {
            sbyte* w = a->W + (n * pitch), w1 = w + pitch, w2 = w1 + pitch, w3 = w2 + pitch, ahead = w + (4 * pitch);
            D s00 = D.Zero, s01 = D.Zero, s02 = D.Zero, s03 = D.Zero, s10 = D.Zero, s11 = D.Zero, s12 = D.Zero, s13 = D.Zero;
            for (long i = 0; i < pitch; i += D.Step)
            {
                for (int line = 0; line < 4 * D.Step && Sse.IsSupported; line += CacheLine)
                {
                    Sse.Prefetch0(ahead + (4 * i) + line);
                }

                D a0 = D.Load(x0 + i), a1 = R.Count > 1 ? D.Load(x1 + i) : a0, b = D.Widen(w + i);
                s00 = D.Add(s00, a0, b);
                s10 = R.Count > 1 ? D.Add(s10, a1, b) : s10;
                b = D.Widen(w1 + i);
                s01 = D.Add(s01, a0, b);
                s11 = R.Count > 1 ? D.Add(s11, a1, b) : s11;
                b = D.Widen(w2 + i);
                s02 = D.Add(s02, a0, b);
                s12 = R.Count > 1 ? D.Add(s12, a1, b) : s12;
                b = D.Widen(w3 + i);
                s03 = D.Add(s03, a0, b);
                s13 = R.Count > 1 ? D.Add(s13, a1, b) : s13;
            }

            int some = (int)long.Min(4, last - n);
            Finish(a, row, n, some, D.Sum4(s00, s01, s02, s03));
            if (R.Count > 1)
            {
                Finish(a, row + 1, n, some, D.Sum4(s10, s11, s12, s13));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(EightBitLinearArguments* a, long row, long n, int some, Vector128<int> sums)
    {
        float* y = a->Y + (row * a->YStride) + n, scales = a->Scales + n;
        Vector128<float> products = Vector128.ConvertToSingle(sums);
        if (some == 4)
        {
            (products * (Vector128.Create(a->RowScales[row]) * Vector128.Load(scales))).Store(y);
            return;
        }

        for (int i = 0; i < some; i++)
        {
            y[i] = products[i] * (a->RowScales[row] * scales[i]);
        }
    }
}
