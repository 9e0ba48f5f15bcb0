using System.Text.Json;
using Lean.Engine.Grammars;
using Lean.Engine.Grammars.Tokens;

namespace Lean.Engine.Bench.Load;

/// <summary>Grammars for any model, with a tokenizer or without: a token's text is one byte, the lowest of its number.</summary>
internal static class LoadGrammars
{
    private const int Bytes = 256;

    private static readonly string[] s_schemas =
    [
        """{"type":"array","items":{"const":"again"}}""",
        """{"type":"string"}""",
        """{"type":"object","properties":{"a":{"type":"integer"},"b":{"enum":["yes","no"]}},"required":["a","b"]}""",
        """{"type":"array","items":{"type":"boolean"},"minItems":3}""",
    ];

    /// <summary>A few of them; none where there are fewer tokens than bytes.</summary>
    /// <param name="vocabulary">Ids of the model.</param>
    public static Grammar[] Of(int vocabulary)
    {
        if (vocabulary < Bytes)
        {
            return [];
        }

        var tokens = new GrammarVocabulary([.. Enumerable.Range(0, vocabulary).Select(static id => new[] { (byte)id })], new Dictionary<string, int>(), vocabulary);
        return [.. s_schemas.Select(text =>
        {
            using JsonDocument schema = JsonDocument.Parse(text);
            return new Grammar(GrammarCompiler.Schema(schema.RootElement, afterReasoning: false, "the schema"), tokens);
        })];
    }
}
