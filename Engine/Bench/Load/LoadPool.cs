using Lean.Engine.Drafting;
using Lean.Engine.Grammars;
using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Kernels;

namespace Lean.Engine.Bench.Load;

/// <summary>
/// Requests of all kinds, and what a model makes of each alone: short prompts mostly, some long; half of them go on from
/// an earlier one, as the next turn of a chat does (with the answer in it) or another question about the same text.
/// </summary>
internal sealed class LoadPool
{
    private const int MostTokens = 24;
    private const int OwnTokens = 250;

    private readonly List<GenerationRequest> _requests = [];
    private readonly List<Sequence> _alone = [];
    private readonly Grammar[] _grammars;
    private readonly int[] _own;

    /// <summary>Makes requests and runs each of them alone, in an engine that keeps nothing from one to the next.</summary>
    /// <param name="source">The model; of several ranks, it can run no other engine afterwards.</param>
    /// <param name="count">How many.</param>
    /// <param name="longest">The most tokens of a prompt.</param>
    /// <param name="seed">The same seed gives the same requests.</param>
    public LoadPool(IEngineSource source, int count, int longest, int seed)
    {
        var random = new Random(seed);
        ModelConfig config = source.Config;
        _grammars = LoadGrammars.Of(config.Vocabulary);
        longest = int.Min(longest, config.MaxPositions - MostTokens);
        using GenerationEngine engine = source.Start(new EngineOptions
        {
            MaxStepTokens = int.Max(longest, 512),
            MaxSequences = 1,
            MostBlocks = Grid.CellsFor(int.Max(longest + MostTokens, 1 + OwnTokens)),
            KeepsPrefixes = false,
        });
        _own = Alone(engine, new GenerationRequest { Prompt = [1], MaxTokens = OwnTokens, IgnoreEndOfSequence = true }, reader: null).Output.ToArray();
        while (_requests.Count < count)
        {
            GenerationRequest request = Make(random, config, longest);
            _alone.Add(Alone(engine, request, new Reader(_requests.Count)));
            _requests.Add(request);
        }
    }

    /// <summary>How many requests there are.</summary>
    public int Count => _requests.Count;

    /// <summary>KV blocks that the largest of them needs.</summary>
    public int MostBlocks => _alone.Max(static s => s.Blocks.Length);

    /// <summary>A request.</summary>
    public GenerationRequest Request(int index) => _requests[index];

    /// <summary>Whether a sequence's reader ends it at its last token, as a stop string would: of some requests, now and then.</summary>
    /// <param name="index">The request.</param>
    /// <param name="sequence">The sequence.</param>
    public static bool Stops(int index, Sequence sequence) => index % 6 == 0 && sequence.Output[^1] % 8 == 3;

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

    private static Sequence Alone(GenerationEngine engine, GenerationRequest request, ISequenceListener? reader)
    {
        if (!engine.TrySubmit(request, reader, out Sequence? sequence))
        {
            throw new InvalidOperationException("an empty engine has no room to wait");
        }

        while (engine.Step())
        {
        }

        return sequence;
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

        // Text that comes again is what a lookup finds.
        if (random.Next(4) == 0)
        {
            prompt.AddRange([.. prompt]);
        }

        int more = random.Next(12) switch
        {
            0 => random.Next(longest),
            < 4 => random.Next(400),
            < 6 => 64 * random.Next(4),
            _ => 1 + random.Next(80),
        };
        // Half of what is new is what the model itself would write, where drafts are right more often.
        int from = random.Next(_own.Length);
        bool own = random.Next(2) == 0;
        for (int i = 0; i < more || prompt.Count == 0; i++)
        {
            prompt.Add(own ? _own[(from + i) % _own.Length] : random.Next(config.Vocabulary));
        }

        // Some want to end as soon as they may.
        IReadOnlyList<TokenBias> bias = config.EndOfSequence.Length > 0 && random.Next(8) == 0 ? [new TokenBias(config.EndOfSequence[0], 100)] : [];
        bool sampled = random.Next(3) > 0, written = _grammars.Length > 0 && random.Next(6) == 0;
        int tokens = 1 + random.Next(MostTokens);
        return new GenerationRequest
        {
            Prompt = prompt[..int.Min(prompt.Count, longest)],
            MaxTokens = tokens,
            IgnoreEndOfSequence = written || random.Next(3) > 0,
            Speculate = random.Next(4) == 0 ? random.Next(1 + PromptCheck.MostDrafts) : null,
            Drafter = random.Next(4) == 0 ? DrafterKind.Lookup : null,
            Sampling = new SamplingParameters
            {
                Temperature = sampled ? 1.5 * random.NextDouble() : 0,
                Seed = random.Next(),
                TopK = random.Next(3) == 0 ? 20 : 0,
                TopP = random.Next(3) == 0 ? 0.9 : 1,
                RepetitionPenalty = random.Next(6) == 0 ? 1.1 : 1,
                PresencePenalty = random.Next(8) == 0 ? 0.5 : 0,
                FrequencyPenalty = random.Next(8) == 0 ? -0.3 : 0,
                LogitBias = bias,
                MinTokens = !written && random.Next(bias.Count > 0 ? 1 : 4) == 0 ? random.Next(1 + tokens) : 0,
                StopTokenIds = !written && random.Next(4) == 0 ? [.. Enumerable.Range(0, 8).Select(_ => random.Next(config.Vocabulary))] : [],
                Grammar = written ? _grammars[random.Next(_grammars.Length)] : null,
            },
        };
    }

    private sealed class Reader(int index) : ISequenceListener
    {
        public void Chosen(Sequence sequence)
        {
            if (Stops(index, sequence))
            {
                GenerationEngine.StopAtText(sequence);
            }
        }

        public void Ended(Sequence sequence)
        {
        }
    }
}
