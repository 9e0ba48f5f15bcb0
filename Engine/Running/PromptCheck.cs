using Lean.Engine.Models;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>Whether a model can take a prompt; ops trust every id and position that comes after.</summary>
internal static class PromptCheck
{
    /// <summary>Checks a request.</summary>
    /// <exception cref="InputException">The prompt is empty, too long, or holds an id outside the vocabulary; or a sampling parameter is out of range.</exception>
    public static void Check(GenerationRequest request, ModelConfig config)
    {
        if (request.MaxTokens < 1)
        {
            throw new InputException($"max_tokens is {request.MaxTokens}, expected at least 1");
        }

        if (request.Prompt.Count == 0)
        {
            throw new InputException("the prompt is empty: expected at least one token");
        }

        if (request.Prompt.Count > config.MaxPositions)
        {
            throw new InputException($"the prompt has {request.Prompt.Count} tokens, expected at most the model's {config.MaxPositions} positions");
        }

        foreach (int id in request.Prompt)
        {
            if (id < 0 || id >= config.Vocabulary)
            {
                throw new InputException($"the prompt holds token {id}, expected 0 to {config.Vocabulary - 1} (the model's vocabulary)");
            }
        }

        request.Sampling.Check(config.Vocabulary, request.MaxTokens);
    }
}
