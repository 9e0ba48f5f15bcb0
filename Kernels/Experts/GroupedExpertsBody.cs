namespace Lean.Kernels;

/// <summary>The bodies of <see cref="GroupedExpertsCpu"/>.</summary>
internal static unsafe class GroupedExpertsBody<V> where V : struct, IVec<V>
{
    private const int BlockRows = GroupedExpertsArguments.BlockRows;

    public static void GateUp(GroupedExpertsArguments* a, int begin, int end)
    {
        int blocks = GroupedExpertsArguments.Blocks(a->Width), routed = a->ActiveCount * blocks, size = a->BF16 != 0 ? 2 : 4;
        for (int item = begin; item < end; item++)
        {
            if (item >= routed)
            {
                GateUp(a, null, a->SharedRows, a->Shared, item - routed, a->SharedWidth, a->SharedGate, a->SharedUp, next: null);
                continue;
            }

            int expert = a->Active[item / blocks], start = a->Starts[expert], following = item + 1;
            byte* next = following < routed ? (byte*)a->Matrices[a->Active[following / blocks]].Gate + (following % blocks * BlockRows * a->Hidden * size) : null;
            GateUp(
                a, a->Rows + start, a->Starts[expert + 1] - start, a->Matrices[expert], item % blocks, a->Width,
                a->Gate + (start * a->Width), a->Up + (start * a->Width), next);
        }
    }

    private static void GateUp(
        GroupedExpertsArguments* a, int* rows, int count, ExpertWeights.Matrices w, int block, long width, float* gate, float* up, byte* next)
    {
        int column = block * BlockRows, columns = (int)long.Min(BlockRows, width - column);
        long offset = column * a->Hidden * (a->BF16 != 0 ? 2 : 4);
        byte* gates = (byte*)w.Gate + offset, ups = (byte*)w.Up + offset;
        gate += column;
        up += column;
        DotBlock<V>.Multiply(a->BF16 != 0, a->X, a->Hidden, rows, count, gates, columns, a->Hidden, gate, width, ups);
        DotBlock<V>.Multiply(a->BF16 != 0, a->X, a->Hidden, rows, count, ups, columns, a->Hidden, up, width, next);
        for (int r = 0; r < count; r++)
        {
            SiluMultiplyBody<V>.Apply(gate + (r * width), up + (r * width), columns, a->Rounds != 0);
        }
    }

    public static void Down(GroupedExpertsArguments* a, int begin, int end)
    {
        long first = (long)begin * a->Columns, last = long.Min((long)end * a->Columns, a->Hidden);
        for (int i = 0; i < a->ActiveCount; i++)
        {
            int expert = a->Active[i], start = a->Starts[expert];
            // A shared expert of another width has its columns elsewhere.
            nint shared = a->SharedWidth == a->Width ? a->Shared.Down : 0, next = i + 1 < a->ActiveCount ? a->Matrices[a->Active[i + 1]].Down : shared;
            Down(a, a->Matrices[expert].Down, next, a->Gate + (start * a->Width), a->Width, a->Starts[expert + 1] - start, a->Down + (start * a->Hidden), first, last);
        }

        if (a->SharedRows > 0)
        {
            Down(a, a->Shared.Down, next: 0, a->SharedGate, a->SharedWidth, a->SharedRows, a->SharedDown, first, last);
        }

        Combine(a, first, last);
    }

    // Columns of one expert's rows, and on the way the same columns of the next one's weights.
    private static void Down(GroupedExpertsArguments* a, nint w, nint next, float* x, long width, int count, float* y, long first, long last)
    {
        long pitch = width * (a->BF16 != 0 ? 2 : 4);
        for (long column = first; column < last; column += BlockRows)
        {
            int columns = (int)long.Min(BlockRows, last - column);
            byte* following = column + columns < last || next == 0 ? null : (byte*)next + (first * pitch);
            DotBlock<V>.Multiply(a->BF16 != 0, x, width, null, count, (byte*)w + (column * pitch), columns, width, y + column, a->Hidden, following);
        }
    }

    private static void Combine(GroupedExpertsArguments* a, long first, long last)
    {
        int rows = a->RowCount;
        for (long t = 0; t < rows; t++)
        {
            int* places = a->Places + (t * a->TopK);
            float* mix = a->Mix + (t * a->TopK);
            V gate = a->SharedRows == 0 ? V.Zero : VecMath<V>.Sigmoid(V.Broadcast(a->GateLogit[t * a->GateStride]));
            for (long h = first; h < last; h += IVec<V>.Lanes)
            {
                int n = (int)long.Min(IVec<V>.Lanes, last - h);
                V sum = V.Zero;
                for (int r = 0; r < a->TopK; r++)
                {
                    if (places[r] >= 0)
                    {
                        sum = V.Fma(V.Broadcast(mix[r]), V.LoadPartial(a->Down + (places[r] * a->Hidden) + h, n), sum);
                    }
                }

                if (a->SharedRows > 0)
                {
                    sum = V.Fma(gate, V.LoadPartial(a->SharedDown + (t * a->Hidden) + h, n), sum);
                }

                V.StorePartial(a->Output + (t * a->Hidden) + h, sum, n);
            }
        }
    }
}
