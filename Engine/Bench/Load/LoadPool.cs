using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Engine.Sampling;

namespace Lean.Engine.Bench.Load;

/// <summary>
/// Requests of all kinds, and what a model makes of each alone: short prompts mostly, some long; half of them go on from
/// an earlier one, as the next turn of a chat does (with the answer in it) or another question about the same text.
/// </summary>
internal sealed class LoadPool
{
    private const int MostTokens = 24;

    private readonly List<GenerationRequest> _requests = [];
    private readonly List<Sequence> _alone = [];

    /// <summary>Makes requests and runs each of them alone, in an engine of its own without anything kept.</summary>
    /// <param name="model">The model.</param>
    /// <param name="count">How many.</param>
    /// <param name="longest">The most tokens of a prompt.</param>
    /// <param name="seed">The same seed gives the same requests.</param>
    public LoadPool(LoadedModel model, int count, int longest, int seed)
    {
        var random = new Random(seed);
        longest = int.Min(longest, model.Model.Config.MaxPositions - MostTokens);
        while (_requests.Count < count)
        {
            GenerationRequest request = Make(random, model.Model.Config, longest);
            using var batch = new GenerationBatch(model.Model, model.Ops, [request], new EngineOptions { MaxStepTokens = int.Max(longest, 512) });
            while (batch.Step())
            {
            }

            _requests.Add(request);
            _alone.Add(batch.Sequences[0]);
        }
    }

    /// <summary>How many requests there are.</summary>
    public int Count => _requests.Count;

    /// <summary>KV blocks that the largest of them needs.</summary>
    public int MostBlocks => _alone.Max(static s => s.Blocks.Length);

    /// <summary>A request.</summary>
    public GenerationRequest Request(int index) => _requests[index];

    /// <summary>What a sequence has that its request does not give alone, or null.</summary>
    /// <param name="index">The request.</param>
    /// <param name="found">The sequence, ended; if it was cancelled, what it has must be the beginning.</param>
    public string? Difference(int index, Sequence found)
    {
        Sequence alone = _alone[index];
        bool whole = found.Finish != FinishReason.Cancelled;
        if (whole && (found.Finish != alone.Finish || found.Generated != alone.Generated))
        {
            return $"request {index} ended as {found.Finish} after {found.Generated} tokens, alone as {alone.Finish} after {alone.Generated}";
        }

        for (int i = 0; i < int.Min(found.Generated, alone.Generated); i++)
        {
            int bits = BitConverter.SingleToInt32Bits(found.LogProbabilities[i]), expected = BitConverter.SingleToInt32Bits(alone.LogProbabilities[i]);
            if (found.Output[i] != alone.Output[i] || bits != expected)
            {
                return $"request {index} has token {found.Output[i]} with log-probability bits {bits:x8} at place {i}, alone {alone.Output[i]} with {expected:x8}";
            }
        }

        return null;
    }

    private GenerationRequest Make(Random random, ModelConfig config, int longest)
    {
        List<int> prompt = [];
        if (_requests.Count > 0 && random.Next(2) == 0)
        {
            Sequence earlier = _alone[random.Next(_alone.Count)];
            ReadOnlySpan<int> text = earlier.Tokens;
            prompt.AddRange(random.Next(2) == 0 ? text : text[..random.Next(1, earlier.PromptLength + 1)]);
        }

        int more = random.Next(12) switch
        {
            0 => random.Next(longest),
            < 4 => random.Next(400),
            < 6 => 64 * random.Next(4),
            _ => 1 + random.Next(80),
        };
        for (int i = 0; i < more || prompt.Count == 0; i++)
        {
            prompt.Add(random.Next(config.Vocabulary));
        }

        bool sampled = random.Next(2) == 0;
        return new GenerationRequest
        {
            Prompt = prompt[..int.Min(prompt.Count, longest)],
            MaxTokens = 1 + random.Next(MostTokens),
            IgnoreEndOfSequence = random.Next(3) > 0,
            Speculate = random.Next(4) == 0 ? random.Next(1 + PromptCheck.MostDrafts) : null,
            Sampling = !sampled ? SamplingParameters.Greedy : new SamplingParameters
            {
                Temperature = 0.3 + random.NextDouble(),
                Seed = random.Next(),
                TopK = random.Next(3) == 0 ? 20 : 0,
                TopP = random.Next(3) == 0 ? 0.9 : 1,
                RepetitionPenalty = random.Next(4) == 0 ? 1.1 : 1,
            },
        };
    }
}
