using Lean.Engine.Drafting;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Engine.Tests.Grammars;
using Lean.Engine.Tests.Sampling;
using Lean.Engine.Text;
using Lean.Kernels;

namespace Lean.Engine.Tests.Running;

/// <summary>What the host counts and ends holds within runs of accepted drafts: nothing tells that they were drafted.</summary>
public sealed class HostDraftsTests : IDisposable
{
    private const int Tokens = 40;

    private static readonly string[] s_prompts =
    [
        "ROMEO:\n", "KING RICHARD III:\nNow is the winter of our discontent\n", "<|im_start|>user\nWho is there?<|im_end|>\n<|im_start|>assistant\n",
        "O Romeo, Romeo! wherefore art thou Romeo?\n",
    ];

    private readonly LoadedModel _model = LoadedModel.Open(TestData.Demo, CpuBackends.Open());

    private static int End => JsonSchemaTests.Tokens.TryGetId("<|im_end|>", out int id) ? id : throw new InvalidOperationException("the demo has no end token");

    [Theory]
    [InlineData("penalties", 1500)]
    [InlineData("grammars", 300)]
    [InlineData("min_tokens", 1200)]
    [InlineData("stop strings", 300)]
    [InlineData("alternatives", 1200)]
    public void At_no_depth_does_a_request_notice_drafts_before_what(string what, int least)
    {
        GenerationRequest[] requests = [.. s_prompts.SelectMany((p, i) => Enumerable.Range(0, 4).Select(j => Request(what, p, (4 * i) + j)))];
        Sequence[] alone = [.. requests.Select(r => Run([r], new EngineOptions())[0])];
        long accepted = 0;
        for (int depth = 1; depth <= PromptCheck.MostDrafts; depth++)
        {
            Sequence[] together = Run(requests, new EngineOptions
            {
                Speculate = depth,
                StepsAhead = depth % 2,
                MaxSequences = 3 + depth,
                Drafter = depth % 4 == 0 ? DrafterKind.Lookup : null,
                AdaptsDepth = depth == 5,
                DraftDepth = depth == 5 ? new RandomDepth(3, depth) : null,
            });
            for (int i = 0; i < requests.Length; i++)
            {
                Requests.MustBe(alone[i], together[i], $"request {i} with {depth} drafts a step");
                Assert.Equal(together[i].Generated, together[i].Drafts.TargetPasses + together[i].Drafts.AllAccepted);
                accepted += together[i].Drafts.AllAccepted;
            }
        }

        Assert.InRange(accepted, least, long.MaxValue);
    }

    public void Dispose() => _model.Dispose();

    private static GenerationRequest Request(string what, string prompt, int i)
    {
        SamplingParameters sampling = new() { Temperature = Requests.Temperatures[i % 4], Seed = i };
        return new GenerationRequest
        {
            Prompt = JsonSchemaTests.Tokens.Encode(prompt, SpecialTokens.Parse),
            MaxTokens = Tokens,
            IgnoreEndOfSequence = what == "penalties",
            Drafter = i % 4 == 1 ? DrafterKind.Lookup : null,
            Sampling = what switch
            {
                "penalties" => sampling with
                {
                    RepetitionPenalty = i % 3 == 0 ? 1.1 : 1,
                    PresencePenalty = i % 3 == 1 ? 0.4 : 0,
                    FrequencyPenalty = i % 3 == 2 ? 0.3 : -0.1,
                },
                "grammars" => sampling with
                {
                    Grammar = JsonSchemaTests.Compile((i % 3) switch
                    {
                        0 => """{"type":"string","pattern":"^[A-Za-z ,.;:'!?]*$"}""",
                        1 => """{"type":"object","properties":{"name":{"type":"string"},"kind":{"enum":["king","queen"]},"acts":{"type":"array","items":{"type":"integer"}}},"required":["name","kind","acts"]}""",
                        _ => """{"type":"array","items":{"const":"Romeo"}}""",
                    }),
                    PresencePenalty = i % 5 == 1 ? 0.3 : 0,
                },

                // Some end as soon as they may: a ban that holds a token too long shows.
                "min_tokens" => sampling with
                {
                    MinTokens = 5 + (7 * (i % 6)),
                    LogitBias = i % 3 == 0 ? [] : [new TokenBias(End, 100)],
                    Alternatives = i % 2 == 0 ? 2 : null,
                },
                "stop strings" => sampling with { Stop = ["the", "\n\n", "you"], MinTokens = i % 4 == 1 ? 12 : 0 },
                _ => sampling with { Alternatives = 1 + i },
            },
        };
    }

    // As whoever decodes texts does it: a stop string ends its sequence with the token that completes it.
    private Sequence[] Run(GenerationRequest[] requests, EngineOptions options)
    {
        using var batch = new GenerationBatch(_model.Model, _model.Ops, requests, options);
        OutputText[] texts = [.. requests.Select(r => new OutputText(JsonSchemaTests.Tokens, r.Sampling.Stop, r.Sampling.MinTokens))];
        batch.TokenChosen = i =>
        {
            if (texts[i].Append(batch.Sequences[i].Output[^1]))
            {
                batch.StopAtText(i);
            }
        };
        while (batch.Step())
        {
        }

        return [.. batch.Sequences];
    }
}
