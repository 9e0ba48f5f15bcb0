using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Routed experts on the CPU in three launches: gate and up with silu, down, and the sum over ranks. Rows are sorted by
/// expert first (a counting sort, so stable); an item is one expert's rows and a block of its matrices' rows.
/// </summary>
internal sealed unsafe class GroupedExpertsCpu(CpuBackend backend) : GroupedExperts
{
    private const int Alignment = 64;

    public override long ScratchBytes(ExpertWeights weights, long rows, long topK)
    {
        GroupedExpertsArguments unused = default;
        return LayOut(ref unused, null, weights, rows * topK);
    }

    private protected override void Launch(Tensor x, ExpertWeights weights, Tensor experts, Tensor mix, Tensor scratch, Tensor output, long promptRows)
    {
        int rows = (int)x.Shape[0], topK = (int)experts.Shape[1], entries = rows * topK;
        GroupedExpertsArguments arguments = new()
        {
            X = (float*)x.Address,
            Hidden = weights.Hidden,
            Width = weights.Width,
            BF16 = weights.Type == DType.BF16 ? 1 : 0,
            Mix = (float*)mix.Address,
            TopK = topK,
            Output = (float*)output.Address,
        };
        LayOut(ref arguments, (byte*)scratch.Address, weights, entries);
        int active = Sort((int*)experts.Address, entries, topK, weights, arguments);
        fixed (ExpertWeights.Matrices* matrices = weights.All)
        {
            arguments.Matrices = matrices;
            if (active > 0)
            {
                long work = (long)entries * GroupedExpertsArguments.BlockRows / active;
                backend.Run(CpuKernel.ExpertsGateUp, &arguments, checked(active * Blocks(weights.Width)), 2 * work * DotBlock.Work(weights.Hidden));
                backend.Run(CpuKernel.ExpertsDown, &arguments, checked(active * Blocks(weights.Hidden)), work * DotBlock.Work(weights.Width));
            }

            backend.Run(CpuKernel.ExpertsCombine, &arguments, rows, topK * weights.Hidden);
        }
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
    private static long LayOut(ref GroupedExpertsArguments a, byte* start, ExpertWeights weights, long entries)
    {
        byte* free = start;
        a.Gate = (float*)Take(ref free, entries * weights.Width * sizeof(float));
        a.Up = (float*)Take(ref free, entries * weights.Width * sizeof(float));
        a.Down = (float*)Take(ref free, entries * weights.Hidden * sizeof(float));
        a.Rows = (int*)Take(ref free, entries * sizeof(int));
        a.Places = (int*)Take(ref free, entries * sizeof(int));
        a.Starts = (int*)Take(ref free, (weights.Count + 1L) * sizeof(int));
        a.Active = (int*)Take(ref free, (long)weights.Count * sizeof(int));
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
    public ExpertWeights.Matrices* Matrices;

    public static int Blocks(long rows) => (int)((rows + BlockRows - 1) / BlockRows);
}

/// <summary>The bodies of <see cref="GroupedExpertsCpu"/>.</summary>
internal static unsafe class GroupedExpertsBody<V> where V : struct, IVec<V>
{
    private const int BlockRows = GroupedExpertsArguments.BlockRows;

    public static void GateUp(GroupedExpertsArguments* a, int begin, int end)
    {
        int blocks = GroupedExpertsArguments.Blocks(a->Width), size = a->BF16 != 0 ? 2 : 4;
        for (int item = begin; item < end; item++)
        {
            int expert = a->Active[item / blocks], start = a->Starts[expert], count = a->Starts[expert + 1] - start;
            int column = item % blocks * BlockRows, columns = (int)long.Min(BlockRows, a->Width - column);
            long offset = column * a->Hidden * size;
            float* gate = a->Gate + (start * a->Width) + column, up = a->Up + (start * a->Width) + column;
            ExpertWeights.Matrices w = a->Matrices[expert];
            DotBlock<V>.Multiply(
                a->BF16 != 0, a->X, a->Hidden, a->Rows + start, count, (byte*)w.Gate + offset, columns, a->Hidden, gate, a->Width);
            DotBlock<V>.Multiply(
                a->BF16 != 0, a->X, a->Hidden, a->Rows + start, count, (byte*)w.Up + offset, columns, a->Hidden, up, a->Width);
            for (int r = 0; r < count; r++)
            {
                SiluMultiplyBody<V>.Apply(gate + (r * a->Width), up + (r * a->Width), columns);
            }
        }
    }

    public static void Down(GroupedExpertsArguments* a, int begin, int end)
    {
        int blocks = GroupedExpertsArguments.Blocks(a->Hidden), size = a->BF16 != 0 ? 2 : 4;
        for (int item = begin; item < end; item++)
        {
            int expert = a->Active[item / blocks], start = a->Starts[expert], count = a->Starts[expert + 1] - start;
            int column = item % blocks * BlockRows, columns = (int)long.Min(BlockRows, a->Hidden - column);
            DotBlock<V>.Multiply(
                a->BF16 != 0, a->Gate + (start * a->Width), a->Width, null, count,
                (byte*)a->Matrices[expert].Down + (column * a->Width * size), columns, a->Width,
                a->Down + (start * a->Hidden) + column, a->Hidden);
        }
    }

    public static void Combine(GroupedExpertsArguments* a, int begin, int end)
    {
        for (long t = begin; t < end; t++)
        {
            int* places = a->Places + (t * a->TopK);
            float* mix = a->Mix + (t * a->TopK);
            for (long h = 0; h < a->Hidden; h += IVec<V>.Lanes)
            {
                int n = (int)long.Min(IVec<V>.Lanes, a->Hidden - h);
                V sum = V.Zero;
                for (int r = 0; r < a->TopK; r++)
                {
                    if (places[r] >= 0)
                    {
                        sum = V.Fma(V.Broadcast(mix[r]), V.LoadPartial(a->Down + (places[r] * a->Hidden) + h, n), sum);
                    }
                }

                V.StorePartial(a->Output + (t * a->Hidden) + h, sum, n);
            }
        }
    }
}
