using Lean.Engine.Models;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>Whether a model can take a prompt; ops trust every id and position that comes after.</summary>
internal static class PromptCheck
{
    /// <summary>The highest priority, and the lowest below zero.</summary>
    public const int MostPriority = 100;

    /// <summary>The most drafts ahead of a step.</summary>
    public const int MostDrafts = 7;

    /// <summary>What messages call a prompt that is the only one.</summary>
    public const string OnlyPrompt = "the prompt";

    /// <summary>Checks a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="config">The model.</param>
    /// <param name="subject">What messages call the prompt.</param>
    /// <exception cref="InputException">The prompt is empty, too long, or holds an id outside the vocabulary; or a sampling parameter is out of range.</exception>
    public static void Check(GenerationRequest request, ModelConfig config, string subject = OnlyPrompt)
    {
        if (request.MaxTokens < 1)
        {
            throw new InputException($"max_tokens of {subject} is {request.MaxTokens}, expected at least 1");
        }

        if (request.Prompt.Count == 0)
        {
            throw new InputException($"{subject} is empty: expected at least one token");
        }

        if (request.Prompt.Count > config.MaxPositions)
        {
            throw new InputException($"{subject} has {request.Prompt.Count} tokens, expected at most the model's {config.MaxPositions} positions");
        }

        if (request.Priority is < -MostPriority or > MostPriority)
        {
            throw new InputException($"the priority of {subject} is {request.Priority}, expected -{MostPriority} to {MostPriority}");
        }

        if (request.Speculate is < 0 or > MostDrafts)
        {
            throw new InputException($"speculate of {subject} is {request.Speculate}, expected 0 to {MostDrafts} drafts a step");
        }

        foreach (int id in request.Prompt)
        {
            if (id < 0 || id >= config.Vocabulary)
            {
                throw new InputException($"{subject} holds token {id}, expected 0 to {config.Vocabulary - 1} (the model's vocabulary)");
            }
        }

        request.Sampling.Check(config.Vocabulary, request.MaxTokens, subject == OnlyPrompt ? "" : $" of {subject}");
    }
}
