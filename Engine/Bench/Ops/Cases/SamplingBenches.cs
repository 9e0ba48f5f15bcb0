using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>The greedy choice of a token.</summary>
internal sealed class GreedyPickBench : OpBench
{
    private readonly int _vocabulary, _logits, _tokens, _values;

    public GreedyPickBench(int vocabulary, int rows) : base("greedy_pick", $"{vocabulary}", rows, null)
    {
        _vocabulary = vocabulary;
        _logits = Fixed.Add(DType.F32, new Shape(rows, vocabulary));
        (_tokens, _values) = (IntegerOutput(rows), Output(rows));
    }

    // The log-probability: a difference, an exponential and a sum for each logit.
    public override Work Work => new(sizeof(float) * (double)Rows * (_vocabulary + 2), 3.0 * Rows * _vocabulary);

    public override void Launch(KernelSet ops, int turn) => ops.GreedyPick.Run(Data.Fixed(_logits, turn), Data.Own(_tokens), Data.Own(_values));

    public override void Check(CheckRun check)
    {
        Tensor tokens = Data.Own(_tokens), values = Data.Own(_values);
        check.Poison(tokens);
        check.Poison(values);
        Launch(check.Ops, 0);
        check.Whole("the log-probabilities", values.Reshape(new Shape(Rows, 1)));
        foreach (int row in Sampled())
        {
            Tensor expected = check.New(DType.I32, 1), expectedValue = check.New(DType.F32, 1);
            check.Exact.GreedyPick.Run(check.Copy(Data.Fixed(_logits, 0).Rows(row, 1)), expected, expectedValue);
            check.Same($"the token of row {row}", tokens.Rows(row, 1), expected);
            check.Close($"the log-probability of row {row}", values.Rows(row, 1), expectedValue, SumsInF32);
        }
    }
}

/// <summary>The join of two ranks' greedy choices.</summary>
internal sealed class MergePicksBench : OpBench
{
    private const int Ranks = 2;

    private readonly int _tokens, _values;
    private readonly Turns _picks;

    public MergePicksBench(int rows) : base("merge_picks", $"{Ranks} ranks", rows, null)
    {
        // Any bits are logits; what matters is the time.
        _picks = Turns.Random(this, 1 << 20, Ranks * rows * RankPicks.Words);
        (_tokens, _values) = (IntegerOutput(rows), Output(rows));
    }

    public override Work Work => new(sizeof(int) * Rows * ((Ranks * RankPicks.Words) + 2.0), 4.0 * Ranks * Rows);

    public override void Launch(KernelSet ops, int turn) =>
        ops.RankPicks.Merge(_picks.At(Data, turn).Reshape(new Shape(Ranks * Rows, RankPicks.Words)), Data.Own(_tokens), Data.Own(_values));

    public override void Check(CheckRun check)
    {
        Tensor tokens = Data.Own(_tokens), expected = check.New(DType.I32, Rows);
        check.Poison(tokens);
        Launch(check.Ops, 0);
        check.Exact.RankPicks.Merge(check.Copy(_picks.At(Data, 0)).Reshape(new Shape(Ranks * Rows, RankPicks.Words)), expected, check.New(DType.F32, Rows));
        check.Same("the tokens", tokens, expected);
    }
}

/// <summary>The random choice of a token, with top-k and top-p.</summary>
internal sealed class SampleTokensBench : OpBench
{
    // The logits lie within ±⅛; a low temperature makes some tokens much likelier than others, as a model does.
    private const float Temperature = 0.02f, TopP = 0.95f;
    private const int TopK = 50;

    private readonly int _vocabulary, _logits, _rows, _settings, _topK, _draws, _tokens;

    public SampleTokensBench(int vocabulary, int rows) : base("sample_tokens", $"{vocabulary}, top {TopK}, top-p {TopP}", rows, null)
    {
        _vocabulary = vocabulary;
        _logits = Fixed.Add(DType.F32, new Shape(rows, vocabulary));
        var random = new Random(rows);
        _rows = Integers([.. Enumerable.Range(0, rows)], rows);
        float[] settings = [.. Enumerable.Range(0, rows).SelectMany(_ => (float[])[Temperature, TopP, 0])];
        _settings = Add(new OwnTensor(DType.F32, new Shape(rows, SampleTokens.SettingColumns), Values: settings));
        _topK = Integers([.. Enumerable.Repeat(TopK, rows)], rows);
        _draws = Integers([.. Enumerable.Range(0, 2 * rows).Select(_ => random.Next(int.MinValue, int.MaxValue))], rows, SampleTokens.DrawColumns);

        // A token below 0 tells of an earlier fault and would stay.
        _tokens = Integers(new int[rows], rows);
    }

    // A difference, an exponential and a sum for each logit.
    public override Work Work => new(sizeof(float) * (double)Rows * (_vocabulary + SampleTokens.SettingColumns + SampleTokens.DrawColumns + 3), 3.0 * Rows * _vocabulary);

    public override void Launch(KernelSet ops, int turn) => ops.SampleTokens.Run(
        Data.Fixed(_logits, turn), Data.Own(_rows), Data.Own(_settings), Data.Own(_topK), Data.Own(_draws), Data.Own(_tokens));

    public override void Check(CheckRun check)
    {
        Launch(check.Ops, 0);
        foreach (int row in Sampled())
        {
            Tensor expected = check.New([0], 1);
            check.Exact.SampleTokens.Run(
                check.Copy(Data.Fixed(_logits, 0).Rows(row, 1)), check.New([0], 1), check.Copy(Data.Own(_settings).Rows(row, 1)),
                check.Copy(Data.Own(_topK).Rows(row, 1)), check.Copy(Data.Own(_draws).Rows(row, 1)), expected);
            check.Same($"the token of row {row}", Data.Own(_tokens).Rows(row, 1), expected);
        }
    }
}

/// <summary>The list of the most likely tokens.</summary>
internal sealed class TopLogProbabilitiesBench : OpBench
{
    private const int Listed = 5;

    private readonly int _vocabulary, _logits, _rows, _best, _bestValues, _tokens, _values;

    public TopLogProbabilitiesBench(int vocabulary, int rows) : base("top_log_probabilities", $"{Listed} of {vocabulary}", rows, null)
    {
        _vocabulary = vocabulary;
        _logits = Fixed.Add(DType.F32, new Shape(rows, vocabulary));
        (_rows, _best, _bestValues) = (Integers([.. Enumerable.Range(0, rows)], rows), IntegerOutput(rows), Output(rows));
        (_tokens, _values) = (IntegerOutput(rows, Listed), Output(rows, Listed));
    }

    public override Work Work => new(sizeof(float) * (double)Rows * (_vocabulary + 3 + (2 * Listed)), 0);

    public override void Launch(KernelSet ops, int turn) => ops.TopLogProbabilities.Run(
        Data.Fixed(_logits, turn), Data.Own(_rows), Data.Own(_best), Data.Own(_bestValues), Data.Own(_tokens), Data.Own(_values));

    public override void Check(CheckRun check)
    {
        Tensor tokens = Data.Own(_tokens), values = Data.Own(_values);
        check.Ops.GreedyPick.Run(Data.Fixed(_logits, 0), Data.Own(_best), Data.Own(_bestValues));
        check.Poison(tokens);
        check.Poison(values);
        Launch(check.Ops, 0);
        check.Whole("the log-probabilities", values);
        foreach (int row in Sampled())
        {
            Tensor logits = check.Copy(Data.Fixed(_logits, 0).Rows(row, 1)), best = check.New(DType.I32, 1), bestValue = check.New(DType.F32, 1);
            Tensor expected = check.New(DType.I32, 1, Listed), expectedValues = check.New(DType.F32, 1, Listed);
            check.Exact.GreedyPick.Run(logits, best, bestValue);
            check.Exact.TopLogProbabilities.Run(logits, check.New([0], 1), best, bestValue, expected, expectedValues);
            check.Same($"the tokens of row {row}", tokens.Rows(row, 1), expected);
            check.Close($"the log-probabilities of row {row}", values.Rows(row, 1), expectedValues, SumsInF32);
        }
    }
}
