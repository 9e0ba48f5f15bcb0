using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Sampling;

/// <summary>Collects the sampled rows of a step into tensors. The memory is made once, for the largest step.</summary>
internal sealed class SamplingBuilder : IDisposable
{
    private readonly HostBuffer _memory;
    private readonly Tensor _rows;
    private readonly Tensor _settings;
    private readonly Tensor _topK;
    private readonly Tensor _draws;
    private readonly Tensor _biasStarts;
    private readonly Tensor _biased;
    private readonly Tensor _biases;
    private readonly Tensor _seenStarts;
    private readonly Tensor _seen;
    private readonly Tensor _penalties;
    private readonly Tensor _listed;
    private int _count;
    private int _listedCount;
    private int _alternatives;
    private bool _adjusts;

    /// <param name="samplers">Those of all sequences.</param>
    /// <param name="running">How many of them run at a time.</param>
    /// <exception cref="InputException">Their lists of tokens are longer than ops can address.</exception>
    public SamplingBuilder(IReadOnlyList<SequenceSampler> samplers, int running)
    {
        long seen = samplers.Select(static s => (long)s.MostSeen).OrderDescending().Take(running).Sum();
        long biases = samplers.Select(static s => (long)s.MostBiases).OrderDescending().Take(running).Sum();
        if (long.Max(seen, biases) > int.MaxValue)
        {
            throw new InputException($"the penalties and biases of {running} prompts at a time list {long.Max(seen, biases):N0} tokens, expected at most {int.MaxValue:N0}");
        }

        const int columns = 1 + SampleTokens.SettingColumns + 1 + SampleTokens.DrawColumns + 2 + LogitAdjustments.PenaltyColumns + 1;
        _memory = new HostBuffer(sizeof(int) * ((columns * (long)running) + 2 + (2 * biases) + (LogitAdjustments.SeenColumns * seen)));
        long offset = 0;
        _rows = Take(DType.I32, new Shape(running));
        _settings = Take(DType.F32, new Shape(running, SampleTokens.SettingColumns));
        _topK = Take(DType.I32, new Shape(running));
        _draws = Take(DType.I32, new Shape(running, SampleTokens.DrawColumns));
        _biasStarts = Take(DType.I32, new Shape(running + 1));
        _seenStarts = Take(DType.I32, new Shape(running + 1));
        _penalties = Take(DType.F32, new Shape(running, LogitAdjustments.PenaltyColumns));
        _listed = Take(DType.I32, new Shape(running));
        _biased = Take(DType.I32, new Shape(biases));
        _biases = Take(DType.F32, new Shape(biases));
        _seen = Take(DType.I32, new Shape(seen, LogitAdjustments.SeenColumns));

        Tensor Take(DType type, Shape shape)
        {
            Tensor view = _memory.View(type, shape, offset);
            offset += shape.Count * sizeof(int);
            return view;
        }
    }

    /// <summary>Starts a step.</summary>
    public void Begin()
    {
        (_count, _listedCount, _alternatives, _adjusts) = (0, 0, 0, false);
        _biasStarts.AsSpan<int>()[0] = _seenStarts.AsSpan<int>()[0] = 0;
    }

    /// <summary>Adds an output row of the step.</summary>
    /// <param name="row">Its place among the output rows.</param>
    /// <param name="position">The position of the token to choose.</param>
    /// <param name="sampler">The sequence's sampler.</param>
    public void Add(int row, int position, SequenceSampler sampler)
    {
        if (sampler.Parameters.Alternatives > 0)
        {
            _listed.AsSpan<int>()[_listedCount++] = row;
            _alternatives = int.Max(_alternatives, sampler.Parameters.Alternatives.Value);
        }

        if (!sampler.IsActive)
        {
            return;
        }

        SamplingParameters p = sampler.Parameters;
        ulong draw = p.IsGreedy ? 0 : sampler.Draw(position);
        _rows.AsSpan<int>()[_count] = row;
        _topK.AsSpan<int>()[_count] = int.Max(p.TopK, 0);
        Row(_settings, (float)p.Temperature, (float)p.TopP, (float)p.MinP);
        Row(_penalties, (float)p.RepetitionPenalty, (float)p.PresencePenalty, (float)p.FrequencyPenalty);
        (_draws.AsSpan<int>()[2 * _count], _draws.AsSpan<int>()[(2 * _count) + 1]) = ((int)draw, (int)(draw >> 32));
        AddBiases(sampler.Biases);
        AddSeen(sampler.Seen);
        _adjusts |= sampler.Adjusts;
        _count++;
    }

    /// <summary>The step's rows.</summary>
    public SamplingRows Build() => new()
    {
        Rows = _rows.Rows(0, _count),
        Settings = _settings.Rows(0, _count),
        TopK = _topK.Rows(0, _count),
        Draws = _draws.Rows(0, _count),
        Adjusts = _adjusts,
        Adjustments = new LogitAdjustments
        {
            BiasStarts = _biasStarts.Rows(0, _count + 1),
            Biased = _biased.Rows(0, _biasStarts.AsSpan<int>()[_count]),
            Biases = _biases.Rows(0, _biasStarts.AsSpan<int>()[_count]),
            SeenStarts = _seenStarts.Rows(0, _count + 1),
            Seen = _seen.Rows(0, _seenStarts.AsSpan<int>()[_count]),
            Penalties = _penalties.Rows(0, _count),
        },
        Listed = _listed.Rows(0, _listedCount),
        Alternatives = _alternatives,
    };

    public void Dispose() => _memory.Dispose();

    private void Row(Tensor target, float first, float second, float third)
    {
        Span<float> row = target.AsSpan<float>().Slice(3 * _count, 3);
        (row[0], row[1], row[2]) = (first, second, third);
    }

    private void AddBiases(ReadOnlySpan<TokenBias> biases)
    {
        Span<int> starts = _biasStarts.AsSpan<int>(), tokens = _biased.AsSpan<int>();
        Span<float> values = _biases.AsSpan<float>();
        int next = starts[_count];
        foreach (TokenBias bias in biases)
        {
            (tokens[next], values[next]) = (bias.Token, bias.Value);
            next++;
        }

        starts[_count + 1] = next;
    }

    private void AddSeen(ReadOnlySpan<int> seen)
    {
        Span<int> starts = _seenStarts.AsSpan<int>();
        seen.CopyTo(_seen.AsSpan<int>()[(LogitAdjustments.SeenColumns * starts[_count])..]);
        starts[_count + 1] = starts[_count] + (seen.Length / LogitAdjustments.SeenColumns);
    }
}
