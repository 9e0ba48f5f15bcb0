using Lean.Engine.Grammars.Automata;
using Lean.Engine.Grammars.Patterns;

namespace Lean.Engine.Grammars.Schemas;

/// <summary>
/// Writes objects into the current rule: declared properties in their order, those that are not required left out at will,
/// others behind them where the schema names what they are.
/// </summary>
internal sealed class ObjectRules(NetworkBuilder network, StringRules strings, Func<SchemaGoal, int> ruleOf)
{
    /// <summary>An object of any properties leads from one state to another.</summary>
    public void WriteFree(int from, int to, int value, int key)
    {
        int open = network.Literal(from, "{"), behind = network.State();
        network.Edge(open, (byte)'}', (byte)'}', to);
        Pair(open, key, value, behind);
        network.Edge(behind, (byte)'}', (byte)'}', to);
        Pair(network.Separator(behind, ','), key, value, behind);
    }

    /// <summary>Writes the objects that satisfy some schemas.</summary>
    /// <exception cref="Lean.Tensors.InputException">The number of properties is limited in a way that is not supported.</exception>
    public void Write(SchemaFacts facts, SchemaPlace place)
    {
        List<string> names = [.. facts.Names, .. facts.Required.Except(facts.Names)];
        SchemaGoal? others = facts.OtherProperties();
        if (names.Count > 0)
        {
            CheckCount(facts, names.Count, others is not null);
            WriteDeclared(facts, names, others, place);
            return;
        }

        if (facts.MinProperties > (facts.MaxProperties ?? int.MaxValue) || (others is null && facts.MinProperties > 0))
        {
            return;
        }

        int rule = network.NewRule(facts.MinProperties, facts.MaxProperties), outer = network.Current;
        network.Call(network.Start, rule, network.End);
        network.Open(rule);
        WriteCounted(facts.MinProperties, others);
        network.Open(outer);
    }

    private static void CheckCount(SchemaFacts facts, int names, bool hasOthers)
    {
        if (facts.MinProperties > facts.Required.Count || (facts.MaxProperties is { } most && (hasOthers || most < names)))
        {
            throw facts.PropertyCount!.Value.Refuse("limits on the number of properties are supported only where no properties are declared");
        }
    }

    private void WriteCounted(int least, SchemaGoal? others)
    {
        int open = network.Literal(network.Start, "{"), end = network.End;
        if (least == 0)
        {
            network.Edge(open, (byte)'}', (byte)'}', end);
        }

        if (others is null)
        {
            return;
        }

        int value = ruleOf(others), key = strings.Free(), taken = network.State(), counted = network.State();
        int first = network.State(), more = network.State(), last = network.State();
        network.Skip(open, first, Guard.More);
        Pair(first, key, value, taken);
        network.Skip(taken, counted, Guard.Count);
        network.Skip(counted, last, Guard.Enough);
        network.Edge(last, (byte)'}', (byte)'}', end);
        network.Skip(counted, more, Guard.More);
        Pair(network.Separator(more, ','), key, value, taken);
    }

    // Two chains of states: in one nothing has been written yet, in the other a comma has just been. A property that is
    // not required may be passed over in both.
    private void WriteDeclared(SchemaFacts facts, List<string> names, SchemaGoal? others, SchemaPlace place)
    {
        int end = network.End, count = names.Count;
        int first = network.Literal(network.Start, "{"), comma = network.State();
        var behind = new int[count + 1];
        for (int i = 0; i <= count; i++)
        {
            behind[i] = network.State();
        }

        var required = new HashSet<string>(facts.Required);
        int lastRequired = names.FindLastIndex(required.Contains);
        Close(first, 0);
        for (int i = 0; i < count; i++)
        {
            int key = network.State();
            network.Skip(first, key);
            network.Skip(comma, key);
            if (facts.Property(names[i]) is { } value)
            {
                Value(network.Literal(key, JsonText.Quote(names[i])), ruleOf(value), behind[i + 1]);
            }

            int nextComma = network.State();
            network.Skip(network.Separator(behind[i + 1], ','), nextComma);
            Close(behind[i + 1], i + 1);
            int nextFirst = network.State();
            if (!required.Contains(names[i]))
            {
                network.Skip(first, nextFirst);
                network.Skip(comma, nextComma);
            }

            (first, comma) = (nextFirst, nextComma);
        }

        if (others is not null)
        {
            int key = OtherKeys(names, place), value = ruleOf(others);
            Pair(first, key, value, behind[count]);
            Pair(comma, key, value, behind[count]);
        }

        void Close(int state, int next)
        {
            if (lastRequired < next)
            {
                network.Edge(state, (byte)'}', (byte)'}', end);
            }
        }
    }

    private int OtherKeys(List<string> names, SchemaPlace place)
    {
        try
        {
            return strings.Of(CharDfa.AllBut(names));
        }
        catch (PatternException wrong)
        {
            throw place.Refuse($"to tell declared properties from others {wrong.Message}");
        }
    }

    private void Pair(int from, int key, int value, int to)
    {
        int named = network.State();
        network.Call(from, key, named);
        Value(named, value, to);
    }

    private void Value(int from, int value, int to) => network.Call(network.Separator(from, ':'), value, to);
}
