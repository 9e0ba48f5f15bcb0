using Lean.Engine.Grammars;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Sampling;

/// <summary>
/// What one sequence's choices depend on beside its logits: its parameters, its random numbers, the tokens it has seen
/// so far and those that end it. Once made, it allocates nothing.
/// </summary>
internal sealed class SequenceSampler
{
    private readonly int[] _ends;
    private readonly TokenBias[] _biases;
    private readonly TokenBias[] _biasesWhileShort;
    private readonly int[] _seen = [];
    private readonly int[] _places = [];
    private readonly int _firstFree;
    private readonly int[] _supposed = [];
    private int _supposedCount;
    private int _certainCount;
    private int _seenCount;

    /// <param name="parameters">How to choose, checked.</param>
    /// <param name="prompt">The prompt.</param>
    /// <param name="maxTokens">The most tokens that will be chosen.</param>
    /// <param name="endTokens">The model's tokens that end the sequence; none where they are ignored.</param>
    /// <param name="vocabulary">Ids of the model.</param>
    /// <exception cref="InputException">The least number of tokens cannot be reached, since every token ends the sequence.</exception>
    public SequenceSampler(SamplingParameters parameters, IReadOnlyList<int> prompt, int maxTokens, IReadOnlyList<int> endTokens, int vocabulary)
    {
        Parameters = parameters;
        _firstFree = prompt.Count + parameters.MinTokens;
        _ends = [.. endTokens.Concat(parameters.StopTokenIds).Distinct().Order()];
        _biases = [.. parameters.LogitBias];
        Grammar = parameters.Grammar is { } grammar ? new GrammarState(grammar) : null;
        if (parameters.MinTokens > 0 && _ends.Length == vocabulary)
        {
            throw new InputException($"min_tokens is {parameters.MinTokens}, but every token of the model ends the request");
        }

        // A ban replaces a bias, so that no token stands twice in a row's list.
        _biasesWhileShort = [.. _ends.Select(static t => new TokenBias(t, float.NegativeInfinity)), .. _biases.Where(b => !Ends(b.Token))];
        if (parameters.Penalises)
        {
            _supposed = new int[PromptCheck.MostDrafts];
            MostSeen = (int)long.Min(vocabulary, (long)prompt.Count + maxTokens);
            _seen = new int[LogitAdjustments.SeenColumns * MostSeen];
            _places = new int[vocabulary];
            foreach (int token in parameters.RepetitionPenalty == 1 ? [] : prompt)
            {
                Entry(token);
            }
        }
    }

    /// <summary>How to choose.</summary>
    public SamplingParameters Parameters { get; }

    /// <summary>How far the text has come in its grammar, if it has one.</summary>
    public GrammarState? Grammar { get; }

    /// <summary>Whether the text is a whole one of its grammar that nothing can follow.</summary>
    public bool IsComplete => Grammar?.IsFinal == true;

    /// <summary>Tokens that end the sequence.</summary>
    public ReadOnlySpan<int> EndTokens => _ends;

    /// <summary>Tokens that <see cref="Seen"/> can come to list.</summary>
    public int MostSeen { get; }

    /// <summary>Entries that <see cref="Biases"/> can have.</summary>
    public int MostBiases => int.Max(_biases.Length, Parameters.MinTokens > 0 ? _biasesWhileShort.Length : 0);

    /// <summary>Whether a choice depends on tokens in a way that only the host knows, so that it waits until they have been read.</summary>
    public bool NeedsCommit => Parameters.Penalises || Grammar is not null;

    /// <summary>Whether the choice of the token at a position depends on which position it is.</summary>
    public bool IsShort(int position) => position < _firstFree;

    /// <summary>Whether the token at a position is anything but the most likely one.</summary>
    public bool IsActive(int position) => !Parameters.IsGreedy || Grammar is not null || Adjusts(position);

    /// <summary>Whether logits change before the choice of the token at a position.</summary>
    public bool Adjusts(int position) => Biases(position).Length > 0 || _seenCount > 0;

    /// <summary>What is added to the logits of the token at a position: while the sequence is shorter than it must be, ends are banned.</summary>
    public ReadOnlySpan<TokenBias> Biases(int position) => IsShort(position) ? _biasesWhileShort : _biases;

    /// <summary>Penalised tokens and how often each was chosen, as <see cref="LogitAdjustments.Seen"/> lists them.</summary>
    public ReadOnlySpan<int> Seen => _seen.AsSpan(0, LogitAdjustments.SeenColumns * _seenCount);

    /// <summary>Whether a token ends the sequence.</summary>
    public bool Ends(int token) => Array.BinarySearch(_ends, token) >= 0;

    /// <summary>Takes note of a chosen token.</summary>
    /// <exception cref="MachineException">The token is one that the mask forbade.</exception>
    public void Append(int token)
    {
        if (Grammar is not null && !Grammar.TryAccept(token) && !(Ends(token) && Grammar.IsComplete))
        {
            throw new MachineException(
                $"the device chose token {token}, which its mask forbids: it does not run its kernels as written; `lean selftest` with the same --device shows which");
        }

        if (Parameters.Penalises)
        {
            _seen[(LogitAdjustments.SeenColumns * Entry(token)) + 1]++;
        }
    }

    /// <summary>Reckons with a draft as if it had been chosen, until <see cref="TakeBack"/>.</summary>
    /// <returns>False, and nothing has changed, where the grammar forbids it.</returns>
    public bool TrySuppose(int token)
    {
        if (Grammar?.TryAccept(token) == false)
        {
            return false;
        }

        if (Parameters.Penalises)
        {
            _certainCount = _supposedCount == 0 ? _seenCount : _certainCount;
            _supposed[_supposedCount] = token;
            _seen[(LogitAdjustments.SeenColumns * Entry(token)) + 1]++;
        }

        _supposedCount++;
        return true;
    }

    /// <summary>Forgets all drafts that it reckons with.</summary>
    public void TakeBack()
    {
        Grammar?.TakeBack(_supposedCount);
        if (Parameters.Penalises && _supposedCount > 0)
        {
            foreach (int token in _supposed.AsSpan(0, _supposedCount))
            {
                _seen[(LogitAdjustments.SeenColumns * Entry(token)) + 1]--;
            }

            while (_seenCount > _certainCount)
            {
                _places[_seen[LogitAdjustments.SeenColumns * --_seenCount]] = 0;
            }
        }

        _supposedCount = 0;
    }

    /// <summary>
    /// How many drafts, from the first on, can be chosen and have something behind them: none that the grammar forbids, none
    /// that ends the sequence, none of logits that are no numbers.
    /// </summary>
    public int Possible(ReadOnlySpan<int> drafts)
    {
        int count = 0;
        while (count < drafts.Length && drafts[count] >= 0 && !Ends(drafts[count]) && TrySuppose(drafts[count]) && !IsComplete)
        {
            count++;
        }

        TakeBack();
        return count;
    }

    // Places are counted from 1, so that 0 means none.
    private int Entry(int token)
    {
        if (_places[token] == 0)
        {
            _seen[LogitAdjustments.SeenColumns * _seenCount] = token;
            _places[token] = ++_seenCount;
        }

        return _places[token] - 1;
    }
}
