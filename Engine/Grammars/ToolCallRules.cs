using System.Text.Json;
using Lean.Engine.Grammars.Automata;
using Lean.Engine.Grammars.Schemas;
using Lean.Engine.Grammars.Tokens;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Grammars;

/// <summary>Writes calls of functions into a network, as the model's chat template asks for them.</summary>
/// <param name="network">Takes the rules.</param>
/// <param name="compiler">Compiles arguments.</param>
/// <param name="subject">What messages call the tools.</param>
internal sealed class ToolCallRules(NetworkBuilder network, SchemaCompiler compiler, string subject)
{
    private const string Open = "<tool_call>";
    private const string Close = "</tool_call>";
    private const string ParameterEnd = "</parameter>";

    /// <summary>A rule of at least one call.</summary>
    /// <param name="tools">The functions, at least one.</param>
    /// <param name="syntax">How calls are written.</param>
    /// <param name="many">Whether there may be more than one.</param>
    public int Calls(IReadOnlyList<GrammarTool> tools, ToolCallSyntax syntax, bool many)
    {
        int rule = network.NewRule();
        List<int> calls = [.. tools.Select((t, i) => syntax == ToolCallSyntax.Json ? JsonCall(t, i) : XmlCall(t, i))];
        network.Open(rule);
        int inside = network.Literal(Tag(network.Start, Open), "\n"), done = network.State();
        foreach (int call in calls)
        {
            network.Call(inside, call, done);
        }

        int behind = Tag(network.Literal(done, "\n"), Close);
        network.Skip(behind, network.End);
        if (many)
        {
            network.Skip(network.Literal(behind, "\n"), network.Start);
        }

        return rule;
    }

    // The text of a tag, or the token that stands for it.
    private int Tag(int from, string tag)
    {
        int to = network.State();
        network.Skip(network.Literal(from, tag), to);
        if (GrammarVocabulary.Mark(tag) is { } mark)
        {
            network.Skip(network.Literal(from, mark), to);
        }

        return to;
    }

    private int JsonCall(GrammarTool tool, int index)
    {
        int arguments = Goal(tool, index) is { } goal ? compiler.RuleOf(goal) : compiler.AnyObject();
        int rule = network.NewRule();
        network.Open(rule);
        int name = network.Literal(network.Separator(network.Literal(network.Start, "{\"name\""), ':'), JsonText.Quote(tool.Name));
        int behind = network.State();
        network.Call(network.Separator(network.Literal(network.Separator(name, ','), "\"arguments\""), ':'), arguments, behind);
        network.Edge(behind, (byte)'}', (byte)'}', network.End);
        return rule;
    }

    private int XmlCall(GrammarTool tool, int index)
    {
        CheckName(tool.Name, $"{subject}[{index}].name");
        SchemaFacts? facts = Facts(tool, index);
        int rule = network.NewRule();
        network.Open(rule);
        int at = network.Literal(network.Start, $"<function={tool.Name}>\n");
        foreach (string name in facts is null ? [] : facts.Names.Concat(facts.Required.Except(facts.Names)))
        {
            CheckName(name, $"{subject}[{index}], the parameter");
            int next = network.State();
            if (!facts!.Required.Contains(name))
            {
                network.Skip(at, next);
            }

            if (facts.Property(name) is { } value)
            {
                int behind = network.State();
                Value(value, network.Literal(at, $"<parameter={name}>\n"), behind);
                network.Skip(network.Literal(behind, $"\n{ParameterEnd}\n"), next);
            }

            at = next;
        }

        network.Skip(network.Literal(at, "</function>"), network.End);
        return rule;
    }

    private void Value(SchemaGoal value, int from, int to)
    {
        if (value.Entries.Count == 1 && IsText(value.Entries[0].Place.Element) && SchemaCompiler.FactsOf(value) is { } facts)
        {
            compiler.WriteText(facts, value.Entries[0].Place, from, to, ParameterEnd);
        }
        else
        {
            network.Call(from, compiler.RuleOf(value), to);
        }
    }

    private SchemaFacts? Facts(GrammarTool tool, int index)
    {
        if (Goal(tool, index) is not { } goal)
        {
            return null;
        }

        SchemaFacts facts = SchemaCompiler.FactsOf(goal)
            ?? throw goal.Entries[0].Place.Refuse("the parameters of a function cannot be a choice of schemas here, expected an object with properties");
        return facts.CertainTypes.HasFlag(JsonTypes.Object)
            ? facts
            : throw goal.Entries[0].Place.Refuse("the parameters of a function must be an object");
    }

    private SchemaGoal? Goal(GrammarTool tool, int index) => tool.Parameters is { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) } schema
        ? new SchemaGoal(new SchemaDocument(schema, $"{subject}[{index}].parameters").Place)
        : null;

    // As whoever reads the calls tells texts from JSON.
    private static bool IsText(JsonElement schema)
    {
        if (schema.ValueKind != JsonValueKind.Object)
        {
            return false;
        }

        return schema.TryGetProperty("type", out JsonElement type)
            ? type.ValueKind == JsonValueKind.String && type.ValueEquals("string")
            : schema.TryGetProperty("enum", out JsonElement among) && among.ValueKind == JsonValueKind.Array
                && among.EnumerateArray().All(static v => v.ValueKind == JsonValueKind.String);
    }

    private static void CheckName(string name, string what)
    {
        if (name.AsSpan().IndexOfAny('>', '\n', '<') >= 0)
        {
            throw new InputException($"{what} is \"{JsonPlace.Shorten(name)}\", which the model's format of calls cannot write");
        }
    }
}
