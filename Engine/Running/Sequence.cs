using Lean.Engine.Models;
using Lean.Engine.Sampling;
using Lean.Kernels;

namespace Lean.Engine.Running;

/// <summary>One request under way: its tokens, where its state lies, what was chosen.</summary>
internal sealed class Sequence
{
    private readonly int[] _tokens;
    private readonly float[] _logProbabilities;
    private readonly int _alternatives;
    private readonly int[] _listed;
    private readonly float[] _listedValues;

    /// <param name="request">What to generate, checked.</param>
    /// <param name="config">The model.</param>
    public Sequence(GenerationRequest request, ModelConfig config)
    {
        Request = request;
        PromptLength = request.Prompt.Count;

        // The last token chosen is never computed, so a model of P positions can choose the token at position P.
        MaxTokens = int.Min(request.MaxTokens, config.MaxPositions - PromptLength + 1);
        _tokens = new int[PromptLength + MaxTokens];
        _logProbabilities = new float[MaxTokens];
        for (int i = 0; i < PromptLength; i++)
        {
            _tokens[i] = request.Prompt[i];
        }

        _alternatives = int.Min(request.Sampling.Alternatives ?? 0, config.Vocabulary);
        _listed = new int[(long)_alternatives * MaxTokens];
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

    /// <summary>The slot of its recurrent state.</summary>
    public int Slot { get; set; }

    /// <summary>Its cache blocks, one per 64 positions.</summary>
    public int[] Blocks { get; }

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

    /// <summary>Takes the most likely tokens of the choice that comes next; more than are asked for do no harm.</summary>
    public void List(ReadOnlySpan<int> tokens, ReadOnlySpan<float> values)
    {
        tokens[.._alternatives].CopyTo(_listed.AsSpan(Generated * _alternatives));
        values[.._alternatives].CopyTo(_listedValues.AsSpan(Generated * _alternatives));
    }

    /// <summary>Appends a chosen token.</summary>
    public void Append(int token, float logProbability)
    {
        Sampler.Append(token);
        _tokens[PromptLength + Generated] = token;
        _logProbabilities[Generated++] = logProbability;
    }
}
