using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Routed experts on the CPU in two launches: gate and up with silu, then down with the sum over ranks. Rows are sorted by
/// expert first (a counting sort, so stable). An item of the first is one expert's rows and a block of its matrices' rows;
/// of the second a block of the output's columns, with all experts' weights of them: whoever sums has the terms in his own cache.
/// </summary>
internal sealed unsafe class GroupedExpertsCpu(CpuBackend backend, DType activations) : GroupedExperts
{
    private const int Alignment = 64;

    // Columns of the output are cut into so many items for each thread, but none narrower than what a tile takes.
    private const int ItemsPerThread = 4;
    private const int FewestColumns = 8;

    public override long ScratchBytes(ExpertWeights weights, long rows, long topK)
    {
        GroupedExpertsArguments unused = default;
        return LayOut(ref unused, null, weights, rows * topK, rows: 0);
    }

    /// <summary>Bytes of scratch memory that T rows need which go through a shared expert too.</summary>
    public static long ScratchBytes(ExpertWeights weights, SharedExpert shared, long rows, long topK)
    {
        GroupedExpertsArguments arguments = new() { SharedWidth = shared.Down.Inputs };
        return LayOut(ref arguments, null, weights, rows * topK, rows);
    }

    private protected override void Launch(Tensor x, ExpertWeights weights, Tensor experts, Tensor mix, Tensor scratch, Tensor output, long promptRows) =>
        Launch(backend, activations, x, weights, shared: null, experts, mix, gateLogit: default, scratch, output);

    /// <summary>The routed experts and, unless it is null, the shared one, whose blocks are further items of the same launches.</summary>
    public static void Launch(
        CpuBackend backend, DType activations, Tensor x, ExpertWeights weights, SharedExpert? shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output)
    {
        int rows = (int)x.Shape[0], topK = (int)experts.Shape[1], entries = rows * topK;
        bool rounds = RoundedActivations.Apply(activations, weights.Type);
        GroupedExpertsArguments arguments = new()
        {
            X = (float*)(rounds ? RoundRowsCpu.Run(backend, x) : x).Address,
            Hidden = weights.Hidden,
            Width = weights.Width,
            BF16 = weights.Type == DType.BF16 ? 1 : 0,
            Rounds = rounds ? 1 : 0,
            RowCount = rows,
            Mix = (float*)mix.Address,
            TopK = topK,
            Output = (float*)output.Address,
        };
        if (shared is not null)
        {
            (arguments.SharedRows, arguments.SharedWidth) = (rows, shared.Down.Inputs);
            arguments.Shared = new ExpertWeights.Matrices(shared.GateUp.Parts[0].Address, shared.GateUp.Parts[^1].Address, shared.Down.Parts[0].Address);
            if (shared.GateUp.Parts.Length == 1)
            {
                nint up = arguments.Shared.Gate + (nint)(shared.Down.Inputs * weights.Hidden * weights.Type.Size());
                arguments.Shared = arguments.Shared with { Up = up };
            }

            arguments.GateLogit = (float*)gateLogit.Address;
            arguments.GateStride = gateLogit.RowStride;
        }

        LayOut(ref arguments, (byte*)scratch.Address, weights, entries, rows);
        int active = Sort((int*)experts.Address, entries, topK, weights, arguments);
        arguments.ActiveCount = active;
        fixed (ExpertWeights.Matrices* matrices = weights.All)
        {
            arguments.Matrices = matrices;
            long width = weights.Width, hidden = weights.Hidden, sharedWidth = arguments.SharedWidth;
            long gateUp = 2 * DotBlock.Work(hidden) * ((entries * width) + (arguments.SharedRows * sharedWidth));
            long down = hidden * ((entries * DotBlock.Work(width)) + (arguments.SharedRows * DotBlock.Work(sharedWidth)));
            long combine = rows * (topK + 1) * hidden;

            // All routed experts' blocks, then the shared one's.
            int items = checked((active * Blocks(width)) + (arguments.SharedRows > 0 ? Blocks(sharedWidth) : 0));
            if (items > 0)
            {
                backend.Run(CpuKernel.ExpertsGateUp, Unsafe.AsPointer(ref arguments), items, gateUp / items);
            }

            arguments.Columns = Columns(hidden, backend.Threads);
            items = (int)((hidden + arguments.Columns - 1) / arguments.Columns);
            backend.Run(CpuKernel.ExpertsDown, Unsafe.AsPointer(ref arguments), items, (down + combine) / items);
        }
    }

    private static int Columns(long hidden, int threads)
    {
        int columns = GroupedExpertsArguments.BlockRows;
        while (columns > FewestColumns && hidden < (long)columns * ItemsPerThread * threads)
        {
            columns /= 2;
        }

        return columns;
    }

    // Starts[e] … Starts[e + 1] are expert e's entries; Rows says which row each entry is of, Places where a row's r-th entry
    // went, −1 where its expert is another rank's.
    private static int Sort(int* experts, int entries, int topK, ExpertWeights weights, in GroupedExpertsArguments a)
    {
        int count = weights.Count, first = weights.First;
        new Span<int>(a.Starts, count + 1).Clear();
        for (int i = 0; i < entries; i++)
        {
            uint own = unchecked((uint)(experts[i] - first));
            if (own < (uint)count)
            {
                a.Starts[own + 1]++;
            }
        }

        int active = 0;
        for (int e = 0; e < count; e++)
        {
            if (a.Starts[e + 1] > 0)
            {
                a.Active[active++] = e;
            }

            a.Starts[e + 1] += a.Starts[e];
        }

        for (int i = 0; i < entries; i++)
        {
            uint own = unchecked((uint)(experts[i] - first));
            int place = own < (uint)count ? a.Starts[own]++ : -1;
            a.Places[i] = place;
            if (place >= 0)
            {
                a.Rows[place] = i / topK;
            }
        }

        for (int e = count; e > 0; e--)
        {
            a.Starts[e] = a.Starts[e - 1];
        }

        a.Starts[0] = 0;
        return active;
    }

    private static int Blocks(long rows) => GroupedExpertsArguments.Blocks(rows);

    // Divides the scratch memory; from a null address it tells how much is needed.
    private static long LayOut(ref GroupedExpertsArguments a, byte* start, ExpertWeights weights, long entries, long rows)
    {
        byte* free = start;
        a.Gate = (float*)Take(ref free, entries * weights.Width * sizeof(float));
        a.Up = (float*)Take(ref free, entries * weights.Width * sizeof(float));
        a.Down = (float*)Take(ref free, entries * weights.Hidden * sizeof(float));
        a.Rows = (int*)Take(ref free, entries * sizeof(int));
        a.Places = (int*)Take(ref free, entries * sizeof(int));
        a.Starts = (int*)Take(ref free, (weights.Count + 1L) * sizeof(int));
        a.Active = (int*)Take(ref free, (long)weights.Count * sizeof(int));
        if (a.SharedWidth > 0)
        {
            a.SharedGate = (float*)Take(ref free, rows * a.SharedWidth * sizeof(float));
            a.SharedUp = (float*)Take(ref free, rows * a.SharedWidth * sizeof(float));
            a.SharedDown = (float*)Take(ref free, rows * weights.Hidden * sizeof(float));
        }

        return free - start;
    }

    private static long Round(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    private static byte* Take(ref byte* free, long bytes)
    {
        byte* taken = free;
        free += Round(bytes);
        return taken;
    }
}

/// <summary>What <see cref="GroupedExpertsBody{V}"/> reads.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct GroupedExpertsArguments
{
    public const int BlockRows = LinearWeight.BlockRows;

    public float* X;
    public long Hidden;
    public long Width;
    public int BF16;
    public int Rounds;
    public int RowCount;
    public float* Mix;
    public int TopK;
    public float* Output;
    public float* Gate;
    public float* Up;
    public float* Down;
    public int* Rows;
    public int* Places;
    public int* Starts;
    public int* Active;
    public int ActiveCount;
    public ExpertWeights.Matrices* Matrices;

    // Of the output, in an item.
    public int Columns;

    // The shared expert; no rows where there is none.
    public int SharedRows;
    public long SharedWidth;
    public ExpertWeights.Matrices Shared;
    public float* SharedGate;
    public float* SharedUp;
    public float* SharedDown;
    public float* GateLogit;
    public long GateStride;

    public static int Blocks(long rows) => (int)((rows + BlockRows - 1) / BlockRows);
}
