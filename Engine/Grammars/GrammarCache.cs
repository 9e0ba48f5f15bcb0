using System.Text.Json;
using Lean.Engine.Grammars.Tokens;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Grammars;

/// <summary>
/// Compiles grammars for one model and keeps those used last, with all that was found out about them. Safe from several
/// threads; compiling takes the caller's time, at most about a second for the worst schema that is let in.
/// </summary>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="vocabulary">Ids of the model.</param>
internal sealed class GrammarCache(Tokenizer tokenizer, int vocabulary)
{
    private const int Most = 32;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _grammars = [];
    private readonly Lazy<GrammarVocabulary> _vocabulary = new(() => new GrammarVocabulary(tokenizer, vocabulary));
    private long _clock;

    /// <summary>The grammar of JSON objects (<c>response_format: json_object</c>).</summary>
    /// <param name="afterReasoning">Whether the prompt ends inside of reasoning: what comes up to &lt;/think&gt; is free then.</param>
    /// <exception cref="InputException">The tokenizer cannot write every text.</exception>
    public Grammar JsonObject(bool afterReasoning = false) =>
        Get($"object {afterReasoning}", () => GrammarCompiler.JsonObject(afterReasoning));

    /// <summary>The grammar of values that satisfy a JSON schema (<c>response_format: json_schema</c>).</summary>
    /// <param name="schema">The schema.</param>
    /// <param name="afterReasoning">Whether the prompt ends inside of reasoning: what comes up to &lt;/think&gt; is free then.</param>
    /// <param name="subject">What messages call the schema.</param>
    /// <exception cref="InputException">The schema is wrong, too large, or holds what is not supported, which is named.</exception>
    public Grammar JsonSchema(JsonElement schema, bool afterReasoning = false, string subject = "the schema") =>
        Get($"schema {afterReasoning} {schema.GetRawText()}", () => GrammarCompiler.Schema(schema, afterReasoning, subject));

    /// <summary>The grammar of calls of functions (<c>tool_choice: required</c>, or one that is named).</summary>
    /// <param name="tools">The functions that may be called, at least one; with their schemas, as strict tools ask for.</param>
    /// <param name="syntax">How the model's template has calls written.</param>
    /// <param name="many">Whether there may be more than one call (<c>parallel_tool_calls</c>).</param>
    /// <param name="afterReasoning">Whether the prompt ends inside of reasoning: what comes up to &lt;/think&gt; is free then.</param>
    /// <param name="subject">What messages call the list of tools.</param>
    /// <exception cref="InputException">A schema is wrong, too large, or holds what is not supported, which is named.</exception>
    public Grammar ToolCalls(IReadOnlyList<GrammarTool> tools, ToolCallSyntax syntax, bool many, bool afterReasoning = false, string subject = "tools")
    {
        string key = string.Concat(tools.Select(static t => $"{t.Name.Length} {t.Name} {t.Parameters?.GetRawText()}\n"));
        return Get($"calls {syntax} {many} {afterReasoning} {subject} {key}", () => GrammarCompiler.ToolCalls(tools, syntax, many, afterReasoning, subject));
    }

    private Grammar Get(string key, Func<Automata.Network> compile)
    {
        lock (_lock)
        {
            if (_grammars.TryGetValue(key, out Entry? known))
            {
                known.Used = ++_clock;
                return known.Grammar;
            }
        }

        var grammar = new Grammar(compile(), _vocabulary.Value);
        lock (_lock)
        {
            // Somebody else may have been as fast; the first one stays.
            if (_grammars.TryGetValue(key, out Entry? other))
            {
                return other.Grammar;
            }

            if (_grammars.Count == Most)
            {
                _grammars.Remove(_grammars.MinBy(static g => g.Value.Used).Key);
            }

            _grammars[key] = new Entry(grammar) { Used = ++_clock };
            return grammar;
        }
    }

    private sealed class Entry(Grammar grammar)
    {
        public Grammar Grammar { get; } = grammar;

        public long Used { get; set; }
    }
}
