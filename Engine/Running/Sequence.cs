using Lean.Engine.Drafting;
using Lean.Engine.Models;
using Lean.Engine.Sampling;
using Lean.Kernels;

namespace Lean.Engine.Running;

/// <summary>One request under way: its tokens, where its state lies, what was chosen.</summary>
internal sealed class Sequence
{
    // Room for so many output tokens is there from the start; more comes by doubling, so a large max_tokens costs nothing
    // before it is used.
    private const int FirstRoom = 1024;

    private readonly int _alternatives;
    private int[] _tokens;
    private float[] _logProbabilities;
    private int[] _listed;
    private float[] _listedValues;
    private volatile bool _isCancelled;
    private int _awaitedStep;
    private int _awaitedEntry;

    /// <param name="request">What to generate, checked.</param>
    /// <param name="config">The model.</param>
    /// <param name="listener">Told what becomes of it, or null.</param>
    public Sequence(GenerationRequest request, ModelConfig config, ISequenceListener? listener = null)
    {
        (Request, Listener) = (request, listener);
        PromptLength = request.Prompt.Count;

        // The last token chosen is never computed, so a model of P positions can choose the token at position P.
        MaxTokens = int.Min(request.MaxTokens, config.MaxPositions - PromptLength + 1);
        int room = int.Min(MaxTokens, FirstRoom);
        _tokens = new int[PromptLength + room];
        _logProbabilities = new float[room];
        for (int i = 0; i < PromptLength; i++)
        {
            _tokens[i] = request.Prompt[i];
        }

        _alternatives = int.Min(request.Sampling.Alternatives ?? 0, config.Vocabulary);
        _listed = new int[(long)_alternatives * room];
        _listedValues = new float[_listed.Length];
        Sampler = new SequenceSampler(
            request.Sampling, request.Prompt, MaxTokens, request.IgnoreEndOfSequence ? [] : config.EndOfSequence, config.Vocabulary);
        Blocks = new int[Grid.CellsFor(int.Max(PromptLength, PromptLength + MaxTokens - 1))];
    }

    /// <summary>What was asked.</summary>
    public GenerationRequest Request { get; }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptLength { get; }

    /// <summary>Tokens that will be chosen at most.</summary>
    public int MaxTokens { get; }

    /// <summary>Tokens chosen so far.</summary>
    public int Generated { get; private set; }

    /// <summary>How its tokens are chosen.</summary>
    public SequenceSampler Sampler { get; }

    /// <summary>The first slot of its recurrent state; drafts that are verified have further ones.</summary>
    public int Slot { get; set; }

    /// <summary>How many slots behind it the state lies that the last committed step left.</summary>
    public int Version { get; set; }

    /// <summary>Its drafts, where the host has to know them; null where it has none, or they stay on the device.</summary>
    public HostDrafts? HostDrafts { get; set; }

    /// <summary>Whether a step may draft fewer tokens for it than it may have, as many as pays.</summary>
    public bool AdaptsDepth { get; set; }

    /// <summary>Drafts that the last committed step with a choice accepted.</summary>
    public int LastAccepted { get; set; }

    /// <summary>How its drafts did; those count as right whose token it got.</summary>
    public DraftStatistics Drafts { get; } = new();

    /// <summary>Its cache blocks, one per 64 positions: room for all it can come to need.</summary>
    public int[] Blocks { get; }

    /// <summary>How many of them it has.</summary>
    public int BlockCount { get; set; }

    /// <summary>How many of them, from the first on, are published.</summary>
    public int Published { get; set; }

    /// <summary>The position where its prompt leaves what is known, if no state is kept there yet; 0 for none.</summary>
    public int Branch { get; set; }

    /// <summary>Tokens of the prompt that were not computed, since the caches had them.</summary>
    public int CachedTokens { get; set; }

    /// <summary>How often it has given slot and blocks back: what a step computed for it before is nowhere after.</summary>
    public int Run { get; set; }

    /// <summary>When it was first let in, as a timestamp of the system's clock; 0 while it waits.</summary>
    public long Admitted { get; set; }

    /// <summary>Its place in the scheduler.</summary>
    public int Place { get; set; }

    /// <summary>When it ends, done or not, on the engine's clock.</summary>
    public long Deadline { get; init; } = long.MaxValue;

    /// <summary>Told what becomes of it.</summary>
    public ISequenceListener? Listener { get; }

    /// <summary>Whether it is not wanted any more. May be set by any thread.</summary>
    public bool IsCancelled
    {
        get => _isCancelled;
        set => _isCancelled = value;
    }

    /// <summary>Why it ended.</summary>
    public FinishReason Finish { get; set; }

    /// <summary>What it ended in, where that is a fault.</summary>
    public Fault? Fault { get; set; }

    /// <summary>Prompt and chosen tokens.</summary>
    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, PromptLength + Generated);

    /// <summary>The chosen tokens.</summary>
    public ReadOnlySpan<int> Output => _tokens.AsSpan(PromptLength, Generated);

    /// <summary>The chosen tokens' log-probabilities.</summary>
    public ReadOnlySpan<float> LogProbabilities => _logProbabilities.AsSpan(0, Generated);

    /// <summary>The most likely tokens where an output token was chosen, as many as the request asks for.</summary>
    public ReadOnlySpan<int> Listed(int output) => _listed.AsSpan(output * _alternatives, _alternatives);

    /// <summary>Their log-probabilities.</summary>
    public ReadOnlySpan<float> ListedValues(int output) => _listedValues.AsSpan(output * _alternatives, _alternatives);

    /// <summary>Prompt and chosen tokens that there is room for at present.</summary>
    public int Room => _tokens.Length;

    /// <summary>Takes note that a step chooses its next token.</summary>
    /// <param name="step">The step's number.</param>
    /// <param name="entry">Its place in the step's outcome.</param>
    public void Await(int step, int entry) => (_awaitedStep, _awaitedEntry) = (step, entry);

    /// <summary>Its place in the outcome of a step that has not been committed.</summary>
    /// <exception cref="InvalidOperationException">It waits for another step, or for none.</exception>
    public int AwaitedEntry(int step) => _awaitedStep == step
        ? _awaitedEntry
        : throw new InvalidOperationException($"a row depends on step {step}, but its sequence waits for step {_awaitedStep}");

    /// <summary>Takes the most likely tokens of the choice that comes next; more than are asked for do no harm.</summary>
    public void List(ReadOnlySpan<int> tokens, ReadOnlySpan<float> values)
    {
        MakeRoom();
        tokens[.._alternatives].CopyTo(_listed.AsSpan(Generated * _alternatives));
        values[.._alternatives].CopyTo(_listedValues.AsSpan(Generated * _alternatives));
    }

    /// <summary>Appends a chosen token.</summary>
    public void Append(int token, float logProbability)
    {
        MakeRoom();
        Sampler.Append(token);
        _tokens[PromptLength + Generated] = token;
        _logProbabilities[Generated++] = logProbability;
    }

    private void MakeRoom()
    {
        if (Generated < _logProbabilities.Length)
        {
            return;
        }

        int room = (int)long.Min(MaxTokens, 2L * _logProbabilities.Length);
        Array.Resize(ref _tokens, PromptLength + room);
        Array.Resize(ref _logProbabilities, room);
        Array.Resize(ref _listed, _alternatives * room);
        Array.Resize(ref _listedValues, _alternatives * room);
    }
}
