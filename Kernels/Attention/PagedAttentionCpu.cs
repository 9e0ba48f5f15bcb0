using System.Runtime.CompilerServices;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Attention on the CPU: an item is a tile of a sequence's rows and one key/value head.</summary>
internal sealed unsafe class PagedAttentionCpu(CpuBackend backend) : PagedAttention
{
    private protected override void Launch(
        AttentionShape shape, Tensor queries, Tensor projected, Tensor keys, Tensor values, Tensor segments, Tensor blocks, Tensor output, Tensor pieces,
        long promptRows)
    {
        PagedAttentionArguments arguments = new()
        {
            Shape = shape,
            Queries = (float*)queries.Address,
            Projected = (float*)projected.Address,
            Keys = (float*)keys.Address,
            Values = (float*)values.Address,
            Segments = (int*)segments.Address,
            Blocks = (int*)blocks.Address,
            BlockStride = blocks.RowStride,
            Scale = 1f / MathF.Sqrt(shape.HeadDim),
            Output = (float*)output.Address,
            TileRows = PagedAttentionArguments.RowsFor(shape),
        };
        int tiles = 0;
        long context = 0;
        for (int s = 0; s < segments.Shape[0]; s++)
        {
            int* segment = arguments.Segments + (s * Segments.Columns);
            tiles += arguments.Tiles(segment);
            context = long.Max(context, segment[Segments.FirstPosition] + segment[Segments.Rows]);
        }

        long work = 2 * context * shape.HeadDim * arguments.TileRows * (shape.Heads / shape.KvHeads);
        backend.Run(CpuKernel.PagedAttention, &arguments, tiles * shape.KvHeads, work);
    }
}

/// <summary>What <see cref="PagedAttentionBody{V}"/> reads.</summary>
internal unsafe struct PagedAttentionArguments
{
    // A tile's outputs wait on the stack of the thread that computes them.
    private const int MaxTileRows = 8;
    private const int MaxTileValues = 32 * 1024;

    public AttentionShape Shape;
    public float* Queries;
    public float* Projected;
    public float* Keys;
    public float* Values;
    public int* Segments;
    public int* Blocks;
    public long BlockStride;
    public float Scale;
    public float* Output;

    /// <summary>Rows of a sequence that share a pass over its keys. Each is computed on its own: no result depends on it.</summary>
    public int TileRows;

    public static int RowsFor(AttentionShape shape) =>
        int.Clamp(MaxTileValues / (shape.Heads / shape.KvHeads * shape.HeadDim), 1, MaxTileRows);

    public readonly int Tiles(int* segment) => (segment[Lean.Kernels.Segments.Rows] + TileRows - 1) / TileRows;
}

/// <summary>The body of <see cref="PagedAttentionCpu"/>.</summary>
internal static unsafe class PagedAttentionBody<V> where V : struct, IVec<V>
{
    private const int Lanes = IVec<V>.Lanes;

    public static void Run(PagedAttentionArguments* a, int begin, int end)
    {
        for (int item = begin; item < end; item++)
        {
            int tile = item / a->Shape.KvHeads, sequence = 0;
            int* segment = a->Segments;
            while (tile >= a->Tiles(segment))
            {
                tile -= a->Tiles(segment);
                segment += Segments.Columns;
                sequence++;
            }

            int first = tile * a->TileRows;
            int rows = int.Min(a->TileRows, segment[Segments.Rows] - first);
            Tile(
                a, a->Blocks + (sequence * a->BlockStride), segment[Segments.FirstRow] + first, rows,
                segment[Segments.FirstPosition] + first, item % a->Shape.KvHeads);
        }
    }

    // Queries of the tile: row by row, the query heads that read this key/value head.
    [SkipLocalsInit]
    private static void Tile(PagedAttentionArguments* a, int* blocks, long firstRow, int rows, int firstPosition, int kvHead)
    {
        AttentionShape shape = a->Shape;
        int dim = shape.HeadDim, group = shape.Heads / shape.KvHeads;
        float* scores = stackalloc float[group * Grid.Cell];
        float* sums = stackalloc float[rows * group * Lanes];
        float* maxima = stackalloc float[rows * group];
        float* outputs = stackalloc float[rows * group * dim];
        new Span<float>(sums, rows * group * Lanes).Clear();
        new Span<float>(outputs, rows * group * dim).Clear();
        new Span<float>(maxima, rows * group).Fill(float.NegativeInfinity);
        int last = firstPosition + rows - 1;
        for (int block = 0; block <= last / Grid.Cell; block++)
        {
            long head = ((long)blocks[block] * shape.KvHeads) + kvHead;
            float* keys = a->Keys + (head * dim * Grid.Cell), values = a->Values + (head * Grid.Cell * dim);
            for (int r = 0; r < rows; r++)
            {
                int visible = int.Min(Grid.Cell, firstPosition + r + 1 - (block * Grid.Cell));
                if (visible <= 0)
                {
                    continue;
                }

                float* queries = a->Queries + ((((firstRow + r) * shape.Heads) + (kvHead * group)) * dim);
                SmallProduct<V>.Run(group, Grid.Cell, dim, queries, dim, 1, keys, Grid.Cell, scores, Grid.Cell, accumulate: false);
                for (int h = 0; h < group; h++)
                {
                    int q = (r * group) + h;
                    Absorb(scores + (h * Grid.Cell), visible, a->Scale, maxima + q, sums + (q * Lanes), outputs + (q * dim), dim);
                }

                SmallProduct<V>.Run(group, dim, visible, scores, Grid.Cell, 1, values, dim, outputs + (r * group * dim), dim, accumulate: true);
            }
        }

        for (int q = 0; q < rows * group; q++)
        {
            long row = firstRow + (q / group);
            int h = (kvHead * group) + (q % group);
            float* gate = a->Projected + (row * shape.ProjectedWidth) + (((2L * h) + 1) * dim);
            Finish(outputs + (q * dim), 1f / V.Sum(V.Load(sums + (q * Lanes))), gate, a->Output + (((row * shape.Heads) + h) * dim), dim);
        }
    }

    // Scores become weights relative to the new maximum; what was summed before is scaled down to it.
    private static void Absorb(float* scores, int visible, float scale, float* maximum, float* sum, float* output, int dim)
    {
        V best = V.Broadcast(*maximum), s = V.Broadcast(scale);
        for (int i = 0; i < Grid.Cell; i += Lanes)
        {
            V score = V.KeepFirst(V.Load(scores + i) * s, visible - i, float.NegativeInfinity);
            V.Store(scores + i, score);
            best = V.Max(best, score);
        }

        float now = V.MaxLane(best);
        float shrink = VecMath<V>.Exp(*maximum - now);
        V total = V.Load(sum) * V.Broadcast(shrink), m = V.Broadcast(now);
        for (int i = 0; i < Grid.Cell; i += Lanes)
        {
            V weight = VecMath<V>.Exp(V.Load(scores + i) - m);
            V.Store(scores + i, weight);
            total += weight;
        }

        V.Store(sum, total);
        *maximum = now;
        V factor = V.Broadcast(shrink);
        for (int i = 0; i < dim; i += Lanes)
        {
            int count = int.Min(Lanes, dim - i);
            V.StorePartial(output + i, V.LoadPartial(output + i, count) * factor, count);
        }
    }

    private static void Finish(float* output, float scale, float* gate, float* y, int dim)
    {
        V s = V.Broadcast(scale);
        for (int i = 0; i < dim; i += Lanes)
        {
            int count = int.Min(Lanes, dim - i);
            V.StorePartial(y + i, V.LoadPartial(output + i, count) * s * VecMath<V>.Sigmoid(V.LoadPartial(gate + i, count)), count);
        }
    }
}
