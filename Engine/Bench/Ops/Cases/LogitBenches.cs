using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>Log-probabilities of chosen tokens, from those of the most likely ones.</summary>
internal sealed class LogProbabilitiesBench : OpBench
{
    private readonly int _logits, _best, _tokens, _values;

    public LogProbabilitiesBench(int vocabulary, int rows) : base("log_probabilities", $"{vocabulary}", rows, null)
    {
        var random = new Random(rows);
        _logits = Fixed.Add(DType.F32, new Shape(rows, vocabulary));
        _best = Integers([.. Enumerable.Range(0, rows).Select(_ => random.Next(vocabulary))], rows);
        _tokens = Integers([.. Enumerable.Range(0, rows).Select(_ => random.Next(vocabulary))], rows);
        _values = Random(rows);
    }

    // Two logits, two tokens, and the value, which is replaced; a difference and a sum.
    public override Work Work => new(6.0 * sizeof(float) * Rows, 2.0 * Rows);

    public override void Launch(KernelSet ops, int turn) =>
        ops.LogProbabilities.Run(Data.Fixed(_logits, turn), Data.Own(_best), Data.Own(_tokens), Data.Own(_values));

    public override void Check(CheckRun check)
    {
        Tensor values = Data.Own(_values), expected = check.Copy(values);
        Launch(check.Ops, 0);
        foreach (int row in Sampled())
        {
            check.Exact.LogProbabilities.Run(
                check.Copy(Data.Fixed(_logits, 0).Rows(row, 1)), check.Copy(Data.Own(_best).Rows(row, 1)), check.Copy(Data.Own(_tokens).Rows(row, 1)), expected.Rows(row, 1));
            check.Close($"row {row}", values.Rows(row, 1), expected.Rows(row, 1), SumsInF32);
        }
    }
}

/// <summary>Biases and penalties: some tokens of each row, in place.</summary>
internal sealed class AdjustLogitsBench : OpBench
{
    private const int Biased = 16, Seen = 128, Stride = 13;

    private readonly int _vocabulary, _logits, _biasStarts, _biased, _biases, _seenStarts, _seen, _penalties;

    public AdjustLogitsBench(int vocabulary, int rows) : base("adjust_logits", $"{vocabulary}, {Biased} biases, {Seen} seen", rows, null)
    {
        _vocabulary = vocabulary;
        _logits = Written.Add(DType.F32, new Shape(rows, vocabulary));
        _biasStarts = Integers([.. Enumerable.Range(0, rows + 1).Select(static row => row * Biased)], rows + 1);
        _biased = Integers(Tokens(rows, Biased), (long)rows * Biased);
        _biases = Random((long)rows * Biased);
        _seenStarts = Integers([.. Enumerable.Range(0, rows + 1).Select(static row => row * Seen)], rows + 1);
        _seen = Integers([.. Tokens(rows, Seen).SelectMany(static token => (int[])[token, token % 3])], (long)rows * Seen, LogitAdjustments.SeenColumns);

        // Logits are adjusted again and again: a factor would take them out of range in the end.
        float[] penalties = [.. Enumerable.Range(0, rows).SelectMany(static _ => (float[])[1, 0.01f, 0.01f])];
        _penalties = Add(new OwnTensor(DType.F32, new Shape(rows, LogitAdjustments.PenaltyColumns), Values: penalties));
    }

    // Each adjusted logit is read and written, each entry of the lists read: token and bias, or token and count.
    public override Work Work => new(sizeof(float) * (double)Rows * ((4 * (Biased + Seen)) + 2 + LogitAdjustments.PenaltyColumns), Rows * (Biased + (4.0 * Seen)));

    public override void Launch(KernelSet ops, int turn) => ops.AdjustLogits.Run(Data.Written(_logits, turn), new LogitAdjustments
    {
        BiasStarts = Data.Own(_biasStarts),
        Biased = Data.Own(_biased),
        Biases = Data.Own(_biases),
        SeenStarts = Data.Own(_seenStarts),
        Seen = Data.Own(_seen),
        Penalties = Data.Own(_penalties),
    });

    public override void Check(CheckRun check)
    {
        Tensor logits = Data.Written(_logits, 0);
        int[] rows = Sampled();
        Tensor[] expected = Array.ConvertAll(rows, row => check.Copy(logits.Rows(row, 1)));
        Launch(check.Ops, 0);
        check.Whole("the logits", logits);
        for (int i = 0; i < rows.Length; i++)
        {
            check.Exact.AdjustLogits.Run(expected[i], new LogitAdjustments
            {
                BiasStarts = check.New([0, Biased], 2),
                SeenStarts = check.New([0, Seen], 2),
                Biased = check.Copy(Data.Own(_biased).Rows(rows[i] * Biased, Biased)),
                Biases = check.Copy(Data.Own(_biases).Rows(rows[i] * Biased, Biased)),
                Seen = check.Copy(Data.Own(_seen).Rows(rows[i] * Seen, Seen)),
                Penalties = check.Copy(Data.Own(_penalties).Rows(rows[i], 1)),
            });
            check.Close($"row {rows[i]}", logits.Rows(rows[i], 1), expected[i], SumsInF32);
        }
    }

    // Distinct within a row: the stride shares no factor with a vocabulary, all of which are many times as large.
    private int[] Tokens(int rows, int each) =>
        [.. Enumerable.Range(0, rows).SelectMany(row => Enumerable.Range(0, each).Select(i => (int)(((row * 7919L) + ((long)i * Stride)) % _vocabulary)))];
}

/// <summary>A mask over every row, in place: half of the words forbid all their tokens, as grammars' masks do.</summary>
internal sealed class MaskLogitsBench : OpBench
{
    private readonly int _logits, _rows, _masks;

    public MaskLogitsBench(int vocabulary, int rows) : base("mask_logits", $"{vocabulary}", rows, null)
    {
        int words = (int)MaskLogits.Words(vocabulary);
        _logits = Written.Add(DType.F32, new Shape(rows, vocabulary));
        _rows = Integers([.. Enumerable.Range(0, rows)], rows);
        _masks = Integers([.. Enumerable.Range(0, rows * words).Select(static i => i % 2 == 0 ? 0 : -1)], rows, words);
        Vocabulary = vocabulary;
    }

    // The mask is read; what it forbids is written.
    public override Work Work => new(Rows * ((Vocabulary / 8.0) + (Vocabulary / 2.0 * sizeof(float))), 0);

    private int Vocabulary { get; }

    public override void Launch(KernelSet ops, int turn) => ops.MaskLogits.Run(Data.Written(_logits, turn), Data.Own(_rows), Data.Own(_masks));

    public override void Check(CheckRun check)
    {
        Tensor logits = Data.Written(_logits, 0);
        int[] rows = Sampled();
        Tensor[] expected = Array.ConvertAll(rows, row => check.Copy(logits.Rows(row, 1)));
        Launch(check.Ops, 0);
        for (int i = 0; i < rows.Length; i++)
        {
            check.Exact.MaskLogits.Run(expected[i], check.New([0], 1), check.Copy(Data.Own(_masks).Rows(rows[i], 1)));
            check.SameBits($"row {rows[i]}", logits.Rows(rows[i], 1), expected[i]);
        }
    }
}
