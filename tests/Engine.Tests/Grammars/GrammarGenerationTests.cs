using System.Text.Json;
using Lean.Engine.Grammars;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Engine.Tests.Forward;
using Lean.Engine.Tests.Sampling;
using Lean.Engine.Text;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Grammars;

/// <summary>What the demo model writes under grammars. It writes plays, so every brace is the grammar's doing.</summary>
public sealed class GrammarGenerationTests : IDisposable
{
    private const int Batch = 100;

    private readonly LoadedModel _model = LoadedModel.Open(TestData.Demo, CpuBackends.Open());

    private static Tokenizer Tokens => JsonSchemaTests.Tokens;

    private int Vocabulary => _model.Model.Config.Vocabulary;

    [Fact]
    public void Every_output_under_500_schemas_satisfies_its_own()
    {
        int stopped = 0;
        for (int first = 0; first < SchemaCorpus.Count; first += Batch)
        {
            GenerationRequest[] requests = [.. Enumerable.Range(first, Batch).Select(i => Request(JsonSchemaTests.Compile(SchemaCorpus.All[i]), i, 100))];
            Sequence[] found = Requests.Run(_model, requests);
            for (int i = 0; i < Batch; i++)
            {
                stopped += found[i].Finish == FinishReason.Stop ? 1 : 0;
                Assert.True(found[i].Finish is FinishReason.Stop or FinishReason.Length, $"{found[i].Finish} under {SchemaCorpus.All[first + i]}");
                JsonSchemaTests.MustSatisfy(SchemaCorpus.All[first + i], Whole(found[i], requests[i].Sampling.Grammar!));
            }
        }

        Assert.InRange(stopped, 200, SchemaCorpus.Count);
    }

    [Fact]
    public void Rows_beside_a_grammar_keep_their_bits_and_so_does_its_own()
    {
        Grammar grammar = JsonSchemaTests.Compile(SchemaCorpus.All[0]);
        GenerationRequest[] requests = [.. Enumerable.Range(0, 24).Select(i => i % 3 == 0 ? Request(grammar, i, 30) : Requests.Mixed(i, Vocabulary, 30))];
        Sequence[] together = Requests.Run(_model, requests);
        for (int i = 0; i < requests.Length; i++)
        {
            Requests.MustBe(Requests.Run(_model, [requests[i]])[0], together[i], $"request {i}");
        }
    }

    [Fact]
    public void A_text_that_nothing_can_follow_stops_without_an_end_token()
    {
        Sequence found = Requests.Run(_model, [Request(JsonSchemaTests.Compile("""{"const":{"version":1,"ok":[true,null]}}"""), 0, 100)])[0];
        Assert.Equal(FinishReason.Stop, found.Finish);
        Assert.Equal("""{"version":1,"ok":[true,null]}""", Tokens.Decode(found.Output, skipSpecial: false));
    }

    [Fact]
    public void An_end_token_comes_where_the_text_may_end_and_only_there()
    {
        // Asked for above all else, it is chosen as soon as it may be.
        Assert.True(Tokens.TryGetId("<|im_end|>", out int end));
        GenerationRequest request = Request(JsonSchemaTests.Compile("""{"type":"integer"}"""), 0, 20);
        request = request with { Sampling = request.Sampling with { LogitBias = [new TokenBias(end, 100)] } };
        Sequence found = Requests.Run(_model, [request])[0];
        Assert.Equal(FinishReason.Stop, found.Finish);
        Assert.Equal(end, found.Output[^1]);
        Assert.True(long.TryParse(Tokens.Decode(found.Output, skipSpecial: true), out _));

        // Where ends are ignored, the digits go on until there can be no more.
        found = Requests.Run(_model, [request with { IgnoreEndOfSequence = true }])[0];
        Assert.DoesNotContain(end, found.Output.ToArray());
    }

    [Fact]
    public void Log_probabilities_are_those_before_the_mask()
    {
        Sequence free = Requests.Run(_model, [Request(null, 0, 1)])[0];
        GenerationRequest request = Request(JsonSchemaTests.Compile("""{"type":"object"}"""), 0, 1);
        Sequence found = Requests.Run(_model, [request with { Sampling = request.Sampling with { Alternatives = 5 } }])[0];
        Assert.Equal("{", Tokens.Decode(found.Output, skipSpecial: false)[..1]);
        Assert.Equal(free.Output[0], found.Listed(0)[0]);
        Assert.Equal(free.LogProbabilities[0], found.ListedValues(0)[0]);
        Assert.True(found.LogProbabilities[0] < free.LogProbabilities[0]);
    }

    [Fact]
    public void A_stop_token_that_a_grammar_may_need_is_refused_beside_min_tokens()
    {
        GenerationRequest request = Request(JsonSchemaTests.Compile("{}"), 0, 20);
        int brace = Tokens.Encode("{", SpecialTokens.AsText)[0];
        request = request with { Sampling = request.Sampling with { StopTokenIds = [brace], MinTokens = 3 } };
        Assert.Contains("min_tokens", Assert.Throws<InputException>(() => Requests.Run(_model, [request])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"type":"text"}""", null)]
    [InlineData("null", null)]
    [InlineData("""{"type":"json_object"}""", "{}")]
    [InlineData("""{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"const":7}}}""", "7")]
    [InlineData("""{"type":"json_schema","name":"n","schema":{"const":7}}""", "7")]
    public void A_response_format_is_a_grammar(string format, string? text)
    {
        using JsonDocument document = JsonDocument.Parse(format);
        Grammar? grammar = ResponseFormat.Read(document.RootElement, new GrammarCache(Tokens, Vocabulary));
        Assert.Equal(text is null, grammar is null);
        var state = grammar is null ? null : new GrammarState(grammar);
        Assert.All(text ?? "", c => Assert.True(state!.TryAccept(Tokens.Encode(c.ToString(), SpecialTokens.AsText)[0])));
        Assert.True(state?.IsFinal ?? true);
    }

    [Theory]
    [InlineData("7", "response_format is 7, expected an object with a type")]
    [InlineData("""{"type":"xml"}""", "response_format.type is \"xml\", expected text, json_object or json_schema")]
    [InlineData("""{"type":"json_schema"}""", "response_format.schema is missing")]
    [InlineData("""{"type":"json_schema","json_schema":{"name":"x"}}""", "response_format.json_schema.schema is missing")]
    [InlineData("""{"type":"json_schema","json_schema":{"schema":{"not":{}}}}""", "response_format.json_schema.schema, at #: the keyword \"not\"")]
    public void A_wrong_response_format_is_named(string format, string reason)
    {
        using JsonDocument document = JsonDocument.Parse(format);
        InputException wrong = Assert.Throws<InputException>(() => ResponseFormat.Read(document.RootElement, new GrammarCache(Tokens, Vocabulary)));
        Assert.Contains(reason, wrong.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _model.Dispose();

    private GenerationRequest Request(Grammar? grammar, int number, int tokens) => new()
    {
        Prompt = Prompts.Random(1 + (number % 40), Vocabulary, seed: number),
        MaxTokens = tokens,
        Sampling = new SamplingParameters { Grammar = grammar, Temperature = (number % 3) switch { 0 => 0, 1 => 1.5, _ => 0.8 }, TopK = number % 5 == 1 ? 20 : 0, Seed = number },
    };

    // What was written, and, where it ran out of tokens, what the grammar needs to its end.
    private static byte[] Whole(Sequence sequence, Grammar grammar)
    {
        var state = new GrammarState(grammar);
        var bytes = new List<byte>();
        foreach (int token in sequence.Output)
        {
            if (!sequence.Sampler.Ends(token))
            {
                Assert.True(state.TryAccept(token));
                bytes.AddRange(Tokens.BytesOf(token));
            }
        }

        Assert.True(sequence.Finish != FinishReason.Stop || state.IsComplete);
        return sequence.Finish == FinishReason.Stop ? [.. bytes] : [.. bytes, .. new GrammarWalk(grammar, Tokens, new Random(1)).Complete(state, 0)];
    }
}
