using Lean.Kernels;

namespace Lean.Engine.Running;

/// <summary>One request under way: its tokens, where its state lies, what was chosen.</summary>
internal sealed class Sequence
{
    private readonly int[] _tokens;
    private readonly float[] _logProbabilities;

    /// <param name="request">What to generate.</param>
    /// <param name="maxPositions">The model's positions.</param>
    public Sequence(GenerationRequest request, int maxPositions)
    {
        Request = request;
        PromptLength = request.Prompt.Count;

        // The last token chosen is never computed, so a model of P positions can choose the token at position P.
        MaxTokens = int.Min(request.MaxTokens, maxPositions - PromptLength + 1);
        _tokens = new int[PromptLength + MaxTokens];
        _logProbabilities = new float[MaxTokens];
        for (int i = 0; i < PromptLength; i++)
        {
            _tokens[i] = request.Prompt[i];
        }

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

    /// <summary>Appends a chosen token.</summary>
    public void Append(int token, float logProbability)
    {
        _tokens[PromptLength + Generated] = token;
        _logProbabilities[Generated++] = logProbability;
    }
}
