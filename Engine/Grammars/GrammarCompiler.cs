using System.Text.Json;
using Lean.Engine.Grammars.Automata;
using Lean.Engine.Grammars.Schemas;
using Lean.Tensors;

namespace Lean.Engine.Grammars;

/// <summary>Makes networks of what a request asks for.</summary>
internal static class GrammarCompiler
{
    private const int MostSchemaCharacters = 1 << 20;

    /// <summary>The network of values that satisfy a schema.</summary>
    /// <param name="schema">The schema.</param>
    /// <param name="afterReasoning">Whether the text begins inside of reasoning, which ends with &lt;/think&gt;.</param>
    /// <param name="subject">What messages call the schema.</param>
    /// <exception cref="InputException">It is wrong, too large, or holds what is not supported.</exception>
    public static Network Schema(JsonElement schema, bool afterReasoning, string subject)
    {
        if (schema.GetRawText().Length > MostSchemaCharacters)
        {
            throw new InputException($"{subject} has more than {MostSchemaCharacters:N0} characters");
        }

        var document = new SchemaDocument(schema, subject);
        return Build(subject, afterReasoning, (_, compiler) => compiler.RuleOf(new SchemaGoal(document.Place)));
    }

    /// <summary>The network of JSON objects.</summary>
    /// <inheritdoc cref="Schema"/>
    public static Network JsonObject(bool afterReasoning) => Build("json_object", afterReasoning, static (_, compiler) => compiler.AnyObject());

    /// <summary>The network of calls of functions.</summary>
    /// <param name="tools">The functions, at least one.</param>
    /// <param name="syntax">How calls are written.</param>
    /// <param name="many">Whether there may be more than one call.</param>
    /// <param name="afterReasoning">Whether the text begins inside of reasoning, which ends with &lt;/think&gt;.</param>
    /// <param name="subject">What messages call the tools.</param>
    /// <exception cref="InputException">A schema is wrong, too large, or holds what is not supported.</exception>
    public static Network ToolCalls(IReadOnlyList<GrammarTool> tools, ToolCallSyntax syntax, bool many, bool afterReasoning, string subject) =>
        Build(subject, afterReasoning, (network, compiler) => new ToolCallRules(network, compiler, subject).Calls(tools, syntax, many));

    private static Network Build(string subject, bool afterReasoning, Func<NetworkBuilder, SchemaCompiler, int> value)
    {
        try
        {
            var network = new NetworkBuilder();
            int whole = network.NewRule();
            var compiler = new SchemaCompiler(network);
            int rule = value(network, compiler);
            compiler.Finish();
            network.Open(whole);
            network.Call(afterReasoning ? ReasoningPrefix.Write(network, network.Start) : network.Start, rule, network.End);
            return network.Build();
        }
        catch (GrammarLimitException wrong)
        {
            throw new InputException($"{subject} {wrong.Message}");
        }
    }
}
