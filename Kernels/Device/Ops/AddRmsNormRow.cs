using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// add_rms_norm on cards since Ampere: a group per row, which reads the row once and keeps it in registers. Each thread
/// has four neighbours of every 2,048; its sums are joined across the warp, then across warps in their order. Narrow rows
/// have a kernel of their own, of few registers: more groups run at a time.
/// <para>
/// Memory would rest while groups add up and change places. So on Hopper a group asks L2 for its rows before it waits
/// for the kernel before this one, and afterwards for those of a group that has yet to begin.
/// </para>
/// </summary>
public static class AddRmsNormRow
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = 512;

    /// <summary>The warps' sums of squares, and those of the scaled values.</summary>
    internal const int SumBytes = 2 * RowBytes;

    private const int Warps = Threads / 32;
    private const int RowBytes = Warps * sizeof(float);
    internal const int Four = 4;

    // 2^-96: squares of scaled values cannot leave f32.
    internal const float Small = 1.2621774483536189e-29f;

    /// <summary>
    /// As <see cref="AddRmsNorm"/>; H is a multiple of 4 and at most 2,048, rows begin at multiples of 16 bytes. Memory is asked
    /// for the rows of the group that is <paramref name="ahead"/> groups on.
    /// </summary>
    [Kernel("add_rms_norm_row_narrow", Threads, groups: "T", Unroll = true)]
    [Cuda("sm_80", SharedBytes = SumBytes, GroupsTogether = 4)]
    public static void Narrow(
        [Shape("T", "H")] ArrayView<float> residual,
        [Shape("T", "H", Optional = true)] ArrayView<float> delta,
        [Shape("H")] ArrayView<float> weight,
        [Shape("T", "H")] ArrayView<float> output,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Extent("T")] int rows,
        [Extent("H")] int width,
        [RowStride("output")] int outputStride,
        float epsilon,
        int place,
        int ahead) => Run<OneRowPart>(residual, delta, weight, output, faults, rows, width, outputStride, epsilon, place, ahead);

    /// <summary>As <see cref="Narrow"/>; H is at most 8,192.</summary>
    [Kernel("add_rms_norm_row_wide", Threads, groups: "T", Unroll = true)]
    [Cuda("sm_80", SharedBytes = SumBytes)]
    public static void Wide(
        [Shape("T", "H")] ArrayView<float> residual,
        [Shape("T", "H", Optional = true)] ArrayView<float> delta,
        [Shape("H")] ArrayView<float> weight,
        [Shape("T", "H")] ArrayView<float> output,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Extent("T")] int rows,
        [Extent("H")] int width,
        [RowStride("output")] int outputStride,
        float epsilon,
        int place,
        int ahead) => Run<FourRowParts>(residual, delta, weight, output, faults, rows, width, outputStride, epsilon, place, ahead);

    private static void Run<TParts>(
        ArrayView<float> residual,
        ArrayView<float> delta,
        ArrayView<float> weight,
        ArrayView<float> output,
        ArrayView<int> faults,
        int rows,
        int width,
        int outputStride,
        float epsilon,
        int place,
        int ahead)
        where TParts : struct, IRowParts
    {
        // Arrays first: behind a branch they would not become registers.
        var x = new float[TParts.Parts * Four];
        var weights = new float[TParts.Parts * Four];
        uint sums = CudaShared.Base();
        int before = Begin(residual, delta, default, faults, rows, width, 0, ahead);
        Read<TParts>(x, residual, delta, default, width, 0);

        // Behind the row, which comes from farther away.
        Weights<TParts>(weights, weight, Group.IdxX * Four, width);
        Finish<TParts>(sums, x, weights, width, output, (long)Grid.IdxX * outputStride, faults, before, epsilon, place);
    }

    /// <summary>Waits for the kernel before, and asks L2 for rows: the group's before it waits, those of one that has yet to begin behind it.</summary>
    /// <param name="residual">f32 [T, H].</param>
    /// <param name="delta">f32 [T, H], or empty.</param>
    /// <param name="rounded">bf16 [R, H]: what is added to the first rows instead.</param>
    /// <param name="faults">i32 [T], or empty.</param>
    /// <param name="rows">T.</param>
    /// <param name="width">H.</param>
    /// <param name="roundedRows">R; 0, a constant, where there are none.</param>
    /// <param name="ahead">Which group is asked for.</param>
    /// <returns>The fault that is noted, to the first thread.</returns>
    internal static int Begin(
        ArrayView<float> residual, ArrayView<float> delta, ArrayView<ushort> rounded, ArrayView<int> faults, int rows, int width, int roundedRows, int ahead)
    {
        long row = (long)Grid.IdxX * width, next = row + ((long)ahead * width);
        if (Group.IdxX == 0)
        {
            Prefetch.ToL2(ref residual[row], width * sizeof(float));
            if (Grid.IdxX < ahead)
            {
                Ask(delta, rounded, Grid.IdxX, row, width, roundedRows);
            }
        }

        // Not sooner: where several kernels of some tens of groups wait for each other, each takes a microsecond more.
        DependentLaunch.Wait();
        DependentLaunch.Allow();
        int before = 0;
        if (Group.IdxX == 0)
        {
            if (faults.Length > 0)
            {
                // Here, since a row would wait for it behind its sum.
                before = delta.Length > 0 ? faults[Grid.IdxX] : 0;
            }

            if (Grid.IdxX + ahead < rows)
            {
                Prefetch.ToL2(ref residual[next], width * sizeof(float));
                Ask(delta, rounded, Grid.IdxX + ahead, next, width, roundedRows);
            }
        }

        return before;
    }

    // For what is added to a row.
    private static void Ask(ArrayView<float> delta, ArrayView<ushort> rounded, int row, long at, int width, int roundedRows)
    {
        if (roundedRows > 0 && row < roundedRows)
        {
            Prefetch.ToL2(ref rounded[at], width * sizeof(ushort));
        }
        else if (delta.Length > 0)
        {
            Prefetch.ToL2(ref delta[at], width * sizeof(float));
        }
    }

    /// <summary>Asks L2 for the group's row, for kernels that add up what the launch before left in parts: those lie there.</summary>
    internal static void Ask(ArrayView<float> residual, int width)
    {
        if (Group.IdxX == 0)
        {
            Prefetch.ToL2(ref residual[(long)Grid.IdxX * width], width * sizeof(float));
        }
    }

    /// <summary>Waits for the kernel before, as <see cref="Begin"/>.</summary>
    /// <returns>The fault that is noted, to the first thread.</returns>
    internal static int WaitNoted(ArrayView<int> faults)
    {
        DependentLaunch.Wait();
        DependentLaunch.Allow();
        int before = 0;
        if (Group.IdxX == 0 && faults.Length > 0)
        {
            before = faults[Grid.IdxX];
        }

        return before;
    }

    /// <summary>Adds four sums to four numbers of the residual, which go back too, if they are of the row; past its end 0 stands for them.</summary>
    internal static void Keep(float[] x, int at, U4 old, float a, float b, float c, float d, ArrayView<float> residual, long to, bool exists)
    {
        float first = Interop.IntAsFloat(old.X) + a, second = Interop.IntAsFloat(old.Y) + b, third = Interop.IntAsFloat(old.Z) + c, fourth = Interop.IntAsFloat(old.W) + d;
        x[at] = exists ? first : 0f;
        x[at + 1] = exists ? second : 0f;
        x[at + 2] = exists ? third : 0f;
        x[at + 3] = exists ? fourth : 0f;
        if (exists)
        {
            WideAccess.Store(ref residual[to], first, second, third, fourth);
        }
    }

    /// <summary>A thread's numbers of the row, with what is added, which goes back too; 0 past the row's end.</summary>
    internal static void Read<TParts>(float[] x, ArrayView<float> residual, ArrayView<float> delta, ArrayView<ushort> rounded, int width, int roundedRows)
        where TParts : struct, IRowParts
    {
        long row = (long)Grid.IdxX * width;
        for (int part = 0; part < TParts.Parts; part++)
        {
            int h = (Group.IdxX * Four) + (part * Threads * Four), at = part * Four;
            x[at] = 0;
            x[at + 1] = 0;
            x[at + 2] = 0;
            x[at + 3] = 0;
            if (h < width)
            {
                U4 bits = WideAccess.Load(ref residual[row + h]);
                x[at] = Interop.IntAsFloat(bits.X);
                x[at + 1] = Interop.IntAsFloat(bits.Y);
                x[at + 2] = Interop.IntAsFloat(bits.Z);
                x[at + 3] = Interop.IntAsFloat(bits.W);
                if (delta.Length > 0)
                {
                    U4 more = roundedRows > 0 && Grid.IdxX < roundedRows ? BF16Row.Load(rounded, row + h) : WideAccess.Load(ref delta[row + h]);
                    x[at] += Interop.IntAsFloat(more.X);
                    x[at + 1] += Interop.IntAsFloat(more.Y);
                    x[at + 2] += Interop.IntAsFloat(more.Z);
                    x[at + 3] += Interop.IntAsFloat(more.W);
                    WideAccess.Store(ref residual[row + h], x[at], x[at + 1], x[at + 2], x[at + 3]);
                }
            }
        }
    }

    /// <summary>A thread's weights.</summary>
    /// <param name="weights">Gets them, four of each part.</param>
    /// <param name="weight">f32 [H].</param>
    /// <param name="first">The thread's first number of a row.</param>
    /// <param name="width">H.</param>
    internal static void Weights<TParts>(float[] weights, ArrayView<float> weight, int first, int width)
        where TParts : struct, IRowParts
    {
        for (int part = 0; part < TParts.Parts; part++)
        {
            int h = Math.Min(first + (part * Threads * Four), width - Four);
            U4 w = WideAccess.Load(ref weight[h]);
            weights[part * Four] = Interop.IntAsFloat(w.X);
            weights[(part * Four) + 1] = Interop.IntAsFloat(w.Y);
            weights[(part * Four) + 2] = Interop.IntAsFloat(w.Z);
            weights[(part * Four) + 3] = Interop.IntAsFloat(w.W);
        }
    }

    /// <summary>What follows once a thread has its numbers of a row: the norm, and the note of a fault.</summary>
    /// <param name="sums">Shared memory, <see cref="SumBytes"/>.</param>
    /// <param name="x">The thread's numbers of each part, 0 past the row's end.</param>
    /// <param name="weights">The weights for them.</param>
    /// <param name="width">H.</param>
    /// <param name="output">Where the row goes.</param>
    /// <param name="target">And where in it.</param>
    /// <param name="faults">i32 [T], or empty.</param>
    /// <param name="before">The fault that the first thread knows to be noted, which stays; 0 is none.</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="place">The norm's number.</param>
    internal static void Finish<TParts>(
        uint sums, float[] x, float[] weights, int width, ArrayView<float> output, long target, ArrayView<int> faults, int before, float epsilon, int place)
        where TParts : struct, IRowParts
    {
        Norm<TParts>(sums, x, weights, width, faults, Grid.IdxX, before, epsilon, place);
        Store<TParts>(x, width, output, target);
    }

    /// <summary>The same without the way out, of a row that need not be the group's own: <paramref name="x"/> becomes the norm.</summary>
    internal static void Norm<TParts>(uint sums, float[] x, float[] weights, int width, ArrayView<int> faults, int row, int before, float epsilon, int place)
        where TParts : struct, IRowParts
    {
        float squares = 0;
        for (int i = 0; i < TParts.Parts * Four; i++)
        {
            squares = Scalar.Fma(x[i], x[i], squares);
        }

        squares = RowSum(sums, squares);
        float shrink = 1;
        if (!Scalar.IsFinite(squares))
        {
            // Where only the squares leave f32, those of the scaled values count.
            shrink = Small;
            squares = 0;
            for (int i = 0; i < TParts.Parts * Four; i++)
            {
                squares = Scalar.Fma(x[i] * Small, x[i] * Small, squares);
            }

            squares = RowSum(sums + RowBytes, squares);
        }

        if (Group.IdxX == 0 && faults.Length > 0)
        {
            faults[row] = before == 0 && !Scalar.IsFinite(squares) ? place : before;
        }

        float scale = Scalar.Rsqrt((squares / width) + (epsilon * shrink * shrink));
        for (int i = 0; i < TParts.Parts * Four; i++)
        {
            x[i] = x[i] * shrink * scale * (1 + weights[i]);
        }
    }

    /// <summary>Writes a thread's numbers of a row.</summary>
    internal static void Store<TParts>(float[] x, int width, ArrayView<float> output, long target)
        where TParts : struct, IRowParts
    {
        int first = Group.IdxX * Four;
        for (int part = 0; part < TParts.Parts; part++)
        {
            int h = first + (part * Threads * Four), at = part * Four;
            if (h < width)
            {
                WideAccess.Store(ref output[target + h], x[at], x[at + 1], x[at + 2], x[at + 3]);
            }
        }
    }

    /// <summary>Joins the threads' sums: across each warp, then the warps' in their order.</summary>
    /// <param name="shared">Room for a number of each warp, at a multiple of 16, whose readers have all met at a barrier since.</param>
    /// <param name="value">The thread's sum.</param>
    internal static float RowSum(uint shared, float value)
    {
        value += Lanes.Xor(value, 16);
        value += Lanes.Xor(value, 8);
        value += Lanes.Xor(value, 4);
        value += Lanes.Xor(value, 2);
        value += Lanes.Xor(value, 1);
        if ((Group.IdxX & 31) == 0)
        {
            SharedWords.Store(shared + (uint)((Group.IdxX >> 5) * sizeof(float)), value);
        }

        // Four at a time: all threads read all of them, which otherwise takes longer than the row from memory.
        Group.Barrier();
        float sum = 0;
        for (int i = 0; i < RowBytes; i += 16)
        {
            U4 four = SharedWords.Load4(shared + (uint)i);
            sum = sum + Interop.IntAsFloat(four.X) + Interop.IntAsFloat(four.Y) + Interop.IntAsFloat(four.Z) + Interop.IntAsFloat(four.W);
        }

        return sum;
    }
}
