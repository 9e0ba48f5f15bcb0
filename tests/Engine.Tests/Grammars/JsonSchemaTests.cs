using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;
using Lean.Engine.Grammars;
using Lean.Engine.Text;

namespace Lean.Engine.Tests.Grammars;

/// <summary>Texts that grammars of schemas allow, judged by a validator that knows nothing of them.</summary>
public sealed class JsonSchemaTests
{
    internal static readonly Tokenizer Tokens = Tokenizer.Load(TestData.Demo);
    private static readonly GrammarCache Cache = new(Tokens, Tokens.VocabularySize);

    [Fact]
    public void Whatever_500_grammars_allow_satisfies_their_schemas()
    {
        for (int i = 0; i < SchemaCorpus.Count; i++)
        {
            string text = SchemaCorpus.All[i];
            Grammar grammar = Compile(text);
            for (int seed = 0; seed < 3; seed++)
            {
                var walk = new GrammarWalk(grammar, Tokens, new Random((1000 * i) + seed));
                MustSatisfy(text, walk.Complete(new GrammarState(grammar), 20 * seed));
            }
        }
    }

    internal static Grammar Compile(string schema)
    {
        using JsonDocument document = JsonDocument.Parse(schema);
        return Cache.JsonSchema(document.RootElement);
    }

    internal static void MustSatisfy(string schema, ReadOnlySpan<byte> utf8)
    {
        string value = Encoding.UTF8.GetString(utf8);
        JsonNode? node;
        try
        {
            node = JsonNode.Parse(value);
        }
        catch (JsonException wrong)
        {
            throw new InvalidOperationException($"{value} under {schema}", wrong);
        }

        EvaluationResults results = JsonSchema.FromText(schema).Evaluate(node, new EvaluationOptions { RequireFormatValidation = true });
        Assert.True(results.IsValid, $"{value} under {schema}");
    }
}
