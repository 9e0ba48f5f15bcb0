using System.Numerics;
using System.Runtime.InteropServices;
using Lean.Engine.Grammars;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Sampling;

/// <summary>
/// Collects the sampled rows of a step into tensors. The memory is made once, for the largest step; that for lists of
/// tokens grows with the longest ones.
/// </summary>
internal sealed class SamplingBuilder : IDisposable
{
    private readonly HostBuffer _memory;
    private readonly Tensor _rows;
    private readonly Tensor _settings;
    private readonly Tensor _topK;
    private readonly Tensor _seeds;
    private readonly Tensor _tokenRows;
    private readonly Tensor _biasStarts;
    private readonly Tensor _seenStarts;
    private readonly Tensor _penalties;
    private readonly Tensor _listed;
    private readonly Tensor _masked;
    private readonly int _running;
    private HostBuffer _lists = new(0);
    private HostBuffer _maskMemory = new(0);
    private long _seenRoom;
    private long _biasRoom;
    private Tensor _biased;
    private Tensor _biases;
    private Tensor _seen;
    private int _count;
    private int _listedCount;
    private int _alternatives;
    private Tensor _masks;
    private int _maskedCount;
    private bool _adjusts;

    /// <param name="running">The most output rows of a step.</param>
    public SamplingBuilder(int running)
    {
        const int columns = 2 + SampleTokens.SettingColumns + 1 + SampleTokens.DrawColumns + 2 + LogitAdjustments.PenaltyColumns + 2;
        _memory = new HostBuffer(sizeof(int) * ((columns * (long)running) + 2));
        long offset = 0;
        _rows = Take(DType.I32, new Shape(running));
        _settings = Take(DType.F32, new Shape(running, SampleTokens.SettingColumns));
        _topK = Take(DType.I32, new Shape(running));
        _seeds = Take(DType.I32, new Shape(running, SampleTokens.DrawColumns));
        _tokenRows = Take(DType.I32, new Shape(running));
        _biasStarts = Take(DType.I32, new Shape(running + 1));
        _seenStarts = Take(DType.I32, new Shape(running + 1));
        _penalties = Take(DType.F32, new Shape(running, LogitAdjustments.PenaltyColumns));
        _listed = Take(DType.I32, new Shape(running));
        _masked = Take(DType.I32, new Shape(running));
        _running = running;
        MakeRoom(1, 1);

        Tensor Take(DType type, Shape shape)
        {
            Tensor view = _memory.View(type, shape, offset);
            offset += shape.Count * sizeof(int);
            return view;
        }
    }

    /// <summary>Starts a step. Nothing that the step before was given is used any more.</summary>
    /// <param name="seen">Tokens that its rows' lists of penalised ones hold at most.</param>
    /// <param name="biases">Biases that its rows have at most.</param>
    public void Begin(long seen, long biases)
    {
        if (seen > _seenRoom || biases > _biasRoom)
        {
            MakeRoom(seen, biases);
        }

        (_count, _listedCount, _alternatives, _maskedCount, _adjusts) = (0, 0, 0, 0, false);
        _biasStarts.AsSpan<int>()[0] = _seenStarts.AsSpan<int>()[0] = 0;
    }

    /// <summary>Adds an output row of the step.</summary>
    /// <param name="row">Its place among the output rows.</param>
    /// <param name="tokenRow">Its place among the step's rows.</param>
    /// <param name="position">The position of the token to choose; where it is not certain, the least it can be.</param>
    /// <param name="sampler">The sequence's sampler.</param>
    public void Add(int row, int tokenRow, int position, SequenceSampler sampler)
    {
        if (sampler.Parameters.Alternatives > 0)
        {
            _listed.AsSpan<int>()[_listedCount++] = row;
            _alternatives = int.Max(_alternatives, sampler.Parameters.Alternatives.Value);
        }

        if (!sampler.IsActive(position))
        {
            return;
        }

        SamplingParameters p = sampler.Parameters;
        _rows.AsSpan<int>()[_count] = row;
        _topK.AsSpan<int>()[_count] = int.Max(p.TopK, 0);
        Row(_settings, (float)p.Temperature, (float)p.TopP, (float)p.MinP);
        Row(_penalties, (float)p.RepetitionPenalty, (float)p.PresencePenalty, (float)p.FrequencyPenalty);
        (_seeds.AsSpan<int>()[2 * _count], _seeds.AsSpan<int>()[(2 * _count) + 1]) = ((int)p.Seed, (int)(p.Seed >> 32));
        _tokenRows.AsSpan<int>()[_count] = tokenRow;
        AddBiases(sampler.Biases(position));
        AddSeen(sampler.Seen);
        if (sampler.Grammar is { } grammar)
        {
            AddMask(grammar, sampler.EndTokens);
        }

        _adjusts |= sampler.Adjusts(position);
        _count++;
    }

    /// <summary>The step's rows.</summary>
    public SamplingRows Build() => new()
    {
        Rows = _rows.Rows(0, _count),
        Settings = _settings.Rows(0, _count),
        TopK = _topK.Rows(0, _count),
        Seeds = _seeds.Rows(0, _count),
        TokenRows = _tokenRows.Rows(0, _count),
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
        Masked = _maskedCount == 0 ? default : _masked.Rows(0, _maskedCount),
        Masks = _maskedCount == 0 ? default : _masks.Rows(0, _maskedCount),
        Listed = _listed.Rows(0, _listedCount),
        Alternatives = _alternatives,
    };

    public void Dispose()
    {
        _memory.Dispose();
        _lists.Dispose();
        _maskMemory.Dispose();
    }

    private void MakeRoom(long seen, long biases)
    {
        _seenRoom = long.Max(_seenRoom, (long)BitOperations.RoundUpToPowerOf2((ulong)seen));
        _biasRoom = long.Max(_biasRoom, (long)BitOperations.RoundUpToPowerOf2((ulong)biases));
        _lists.Dispose();
        _lists = new HostBuffer(sizeof(int) * ((2 * _biasRoom) + (LogitAdjustments.SeenColumns * _seenRoom)));
        _biased = _lists.View(DType.I32, new Shape(_biasRoom));
        _biases = _lists.View(DType.F32, new Shape(_biasRoom), sizeof(int) * _biasRoom);
        _seen = _lists.View(DType.I32, new Shape(_seenRoom, LogitAdjustments.SeenColumns), 2 * sizeof(int) * _biasRoom);
    }

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

    private void AddMask(GrammarState grammar, ReadOnlySpan<int> ends)
    {
        int words = grammar.Grammar.Vocabulary.Words;
        if (_masks.IsEmpty)
        {
            // The first grammar of this engine: masks are large, and most engines never see one.
            _maskMemory.Dispose();
            _maskMemory = new HostBuffer((long)sizeof(int) * _running * words);
            _masks = _maskMemory.View(DType.I32, new Shape(_running, words));
        }

        grammar.FillMask(MemoryMarshal.Cast<int, uint>(_masks.AsSpan<int>().Slice(_maskedCount * words, words)), ends);
        _masked.AsSpan<int>()[_maskedCount++] = _count;
    }

    private void AddSeen(ReadOnlySpan<int> seen)
    {
        Span<int> starts = _seenStarts.AsSpan<int>();
        seen.CopyTo(_seen.AsSpan<int>()[(LogitAdjustments.SeenColumns * starts[_count])..]);
        starts[_count + 1] = starts[_count] + (seen.Length / LogitAdjustments.SeenColumns);
    }
}
