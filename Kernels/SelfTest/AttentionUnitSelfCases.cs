using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// The self-test's calls of attention as models make them: aligned, so that the kernels for matrix units run, prompt rows and
/// generated rows in one call, and the same rows again alone, each a sequence's, and in cuts on the grid, which must give the same bits.
/// </summary>
internal static class AttentionUnitSelfCases
{
    // A query and a weight have 16 bits there.
    private const double Split = 2e-5;

    // Where a prompt's attention rounds queries and weights to bf16: each is off by 8e-4 in the mean square (2^-8 / √12, by how
    // numbers lie between powers of two), a score by 8e-4 of itself, so that of scores about 1 results are off by 1.2e-3.
    private const double Rounded = 3e-3;

    private const int Blocks = 31, Width = 24;

    // Heads that fill a tile of eight and that do not, in every dimension that runs on matrix units.
    private static readonly AttentionShape[] Heads = [new(16, 2, 256), new(5, 1, 256), new(18, 1, 128), new(7, 1, 64)];

    // First row, rows, position, slot. Prompts first: more than a tile from a sequence's middle, a short one. Then one row in
    // a long context, as many as a draft has, a sequence's first, one that sees whole cells only.
    private static readonly int[][] Parts = [[0, 150, 64, 0], [151, 3, 0, 1], [154, 1, 1500, 2], [155, 5, 126, 3], [162, 1, 0, 4], [161, 1, 1023, 5]];

    private const int Rows = 164, PromptRows = 154;

    private const int LongRows = 12, LongWidth = 280;

    /// <summary>All of them.</summary>
    public static IEnumerable<SelfCase> All() => Heads.SelectMany(shape => new[]
    {
        new SelfCase("paged_attention", $"{shape}, aligned, prompts", Split, (set, memory) => [new Call(shape, set, memory).All().Rows(0, PromptRows)], IsAligned: true, Rounded),
        new SelfCase("paged_attention", $"{shape}, aligned, generated", Split, (set, memory) =>
        {
            var call = new Call(shape, set, memory);
            return [call.All().Rows(PromptRows, Rows - PromptRows), call.Again()];
        }, IsAligned: true),
    }).Append(new SelfCase("paged_attention", $"{Heads[0]}, aligned, generated rows in long contexts", Split, (set, memory) =>
    {
        var call = new Call(Heads[0], set, memory);
        return [call.Long(), call.LongAgain()];
    }, IsAligned: true));

    private sealed class Call
    {
        private readonly AttentionShape _shape;
        private readonly KernelSet _set;
        private readonly GuardedMemory _memory;
        private readonly Tensor _queries, _projected, _keys, _values, _blocks, _output;

        public Call(AttentionShape shape, KernelSet set, GuardedMemory memory)
        {
            (_shape, _set, _memory) = (shape, set, memory);
            Shape keys = shape.KeyCache(Blocks), values = shape.ValueCache(Blocks), flat = new(Rows, shape.Heads * shape.HeadDim);
            _queries = memory.New("queries", DType.F32, flat, SelfCases.Normal(71, flat.Count));
            _projected = memory.New("projected", DType.F32, new Shape(Rows, shape.ProjectedWidth), SelfCases.Normal(72, (long)Rows * shape.ProjectedWidth));
            _keys = memory.New("keys", set.CacheType, keys, SelfCases.Normal(73, keys.Count));
            _values = memory.New("values", set.CacheType, values, SelfCases.Normal(74, values.Count));
            _blocks = memory.New("blocks", new Shape(Parts.Length, Width), [.. Enumerable.Range(0, Parts.Length * Width).Select(i => i * 7 % Blocks)]);
            _output = memory.New("output", DType.F32, flat);
        }

        /// <summary>All rows at once; rows of nobody stay as they are.</summary>
        public Tensor All()
        {
            Run(_queries, _projected, _blocks, _output, [.. Parts.SelectMany(p => p)], PromptRows);
            return _output;
        }

        /// <summary>How many values differ when the long prompt is cut, when its last rows are a sequence each, and when generated rows are alone: none.</summary>
        public Tensor Again()
        {
            int[][] again = [[0, 64], [64, 64], [128, 22], [154, 1], [155, 1], [157, 1], [159, 1], [161, 1]];
            var differences = new int[again.Length + 1];
            for (int i = 0; i < again.Length; i++)
            {
                int first = again[i][0], count = again[i][1], part = Array.FindIndex(Parts, p => first >= p[0] && first < p[0] + p[1]);
                Tensor output = _memory.New("again", DType.F32, new Shape(count, _shape.Heads * _shape.HeadDim));
                Run(_queries.Rows(first, count), _projected.Rows(first, count), _blocks.Rows(part, 1), output,
                    [0, count, Parts[part][2] + first - Parts[part][0], 0], first < PromptRows ? count : 0);
                differences[i] = Differences(first, output);
            }

            differences[again.Length] = Apart();
            return _memory.New("differences", new Shape(differences.Length), differences);
        }

        /// <summary>Some rows as a sequence's next each, of contexts so long that groups have runs of spans.</summary>
        public Tensor Long()
        {
            int[] blocks = [.. Enumerable.Range(0, LongRows * LongWidth).Select(i => LongBlock(i / LongWidth, i % LongWidth))];
            Tensor output = _output.Rows(0, LongRows);
            Run(_queries.Rows(0, LongRows), _projected.Rows(0, LongRows), _memory.New("blocks", new Shape(LongRows, LongWidth), blocks), output,
                [.. Enumerable.Range(0, LongRows).SelectMany(i => (int[])[i, 1, LongPosition(i), 0])], 0);
            return output;
        }

        /// <summary>How many values differ where each is alone, and a group has a span: none.</summary>
        public Tensor LongAgain()
        {
            var differences = new int[LongRows];
            for (int row = 0; row < LongRows; row++)
            {
                Tensor output = _memory.New("again", DType.F32, new Shape(1, _shape.Heads * _shape.HeadDim));
                Tensor blocks = _memory.New("blocks", new Shape(1, LongWidth), [.. Enumerable.Range(0, LongWidth).Select(block => LongBlock(row, block))]);
                Run(_queries.Rows(row, 1), _projected.Rows(row, 1), blocks, output, [0, 1, LongPosition(row), 0], 0);
                differences[row] = Differences(row, output);
            }

            return _memory.New("differences", new Shape(differences.Length), differences);
        }

        // The first position that has runs, all made by the join where rows are so few; one that has none; others, of which groups have runs.
        private static int LongPosition(int row) => row switch { 0 => 2048, 3 => 1900, _ => 8192 + (row * 800) };

        private static int LongBlock(int row, int block) => (row + (block * 7)) % Blocks;

        // Rows 129 … 148, whose positions follow 192.
        private int Apart()
        {
            const int First = 129, Count = 20;
            Tensor output = _memory.New("apart", DType.F32, new Shape(Count, _shape.Heads * _shape.HeadDim));
            Tensor blocks = _memory.New("blocks", new Shape(Count, Width), [.. Enumerable.Range(0, Count * Width).Select(i => i % Width * 7 % Blocks)]);
            Run(_queries.Rows(First, Count), _projected.Rows(First, Count), blocks, output, [.. Enumerable.Range(0, Count).SelectMany(i => (int[])[i, 1, 64 + First + i, 0])], Count);
            return Differences(First, output);
        }

        private int Differences(int first, in Tensor output)
        {
            ReadOnlySpan<int> expected = _output.Rows(first, output.Shape[0]).AsSpan<int>(), found = output.AsSpan<int>();
            int differences = 0;
            for (int n = 0; n < found.Length; n++)
            {
                differences += expected[n] == found[n] ? 0 : 1;
            }

            return differences;
        }

        private void Run(in Tensor queries, in Tensor projected, in Tensor blocks, in Tensor output, int[] segments, int promptRows) =>
            _set.PagedAttention.Run(
                _shape, queries, projected, _keys, _values,
                _memory.New("segments", new Shape(segments.Length / Segments.Columns, Segments.Columns), segments), blocks, output, promptRows);
    }
}
