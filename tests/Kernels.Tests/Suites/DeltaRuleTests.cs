namespace Lean.Kernels.Tests;

/// <summary>What the delta rule's two row classes share.</summary>
public abstract class DeltaRuleTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    /// <summary>Head shapes of the exactness tests.</summary>
    protected static readonly DeltaRuleShape[] Shapes = [new(1, 1, 8, 8), new(2, 4, 16, 24), new(3, 3, 40, 17), new(1, 2, 64, 32), new(1, 2, 128, 36)];

    protected override IEnumerable<OpCase> Cases => DeltaRuleCases.All(RowClass);

    /// <summary>The class under test.</summary>
    protected abstract RowClass RowClass { get; }

    [Fact]
    public void A_sequence_has_the_same_bits_in_every_batch()
    {
        var failures = new Failures();
        foreach (DeltaRuleShape shape in Shapes)
        {
            (int From, int Count)[] parts = [(0, 65), (64, 1), (0, 130), (128, 3), (0, 1), (192, 64)];
            DeltaRuleCases.Part[] all = [.. parts.Select((p, i) => new DeltaRuleCases.Part(
                new DeltaRuleStream(i + 700, shape, p.From + p.Count), p.From, p.Count, p.From == 0 ? null : DeltaRuleCases.State(i, shape)))];
            Outputs[] together = Run(shape, all, 4);
            for (int i = 0; i < all.Length; i++)
            {
                failures.Add($"{shape}, sequence {i}", Compare.Bits(Run(shape, [all[i]], 1)[0], together[i]));
            }
        }

        failures.Assert();
    }

    /// <summary>Runs one sequence in consecutive calls of so many rows, from <paramref name="start"/> on, and puts them together.</summary>
    protected Outputs Calls(DeltaRuleShape shape, DeltaRuleStream stream, int start, int[] cut, bool alone)
    {
        var calls = new List<Outputs>();
        float[]? state = start == 0 ? null : DeltaRuleCases.State(9, shape);
        for (int i = 0, from = start; i < cut.Length; from += cut[i++])
        {
            var mine = new DeltaRuleCases.Part(stream, from, cut[i], state);
            var other = new DeltaRuleCases.Part(new DeltaRuleStream(701, shape, 3 + i), 0, 3 + i, null);
            var third = new DeltaRuleCases.Part(new DeltaRuleStream(702, shape, 66), 64, 2, DeltaRuleCases.State(i, shape));
            calls.Add(Run(shape, alone ? [mine] : [other, mine, third], i)[alone ? 0 : 1]);
            state = calls[^1]["state"].Values;
        }

        return Outputs.Consecutive(calls);
    }

    /// <summary>How calls that follow each other must agree with one call: to the bit.</summary>
    protected virtual string? Difference(Outputs expected, Outputs actual) => Compare.Bits(expected, actual);

    private Outputs[] Run(DeltaRuleShape shape, DeltaRuleCases.Part[] parts, int seed)
    {
        using var arena = new Arena(Kernels);
        return DeltaRuleCases.Run(Kernels, arena, RowClass, shape, parts, seed);
    }
}
