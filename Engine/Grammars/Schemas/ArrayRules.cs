using Lean.Engine.Grammars.Automata;

namespace Lean.Engine.Grammars.Schemas;

/// <summary>Writes lists into the current rule. Items declared one by one are all written.</summary>
internal sealed class ArrayRules(NetworkBuilder network, Func<SchemaGoal, int> ruleOf)
{
    /// <summary>A list of any items leads from one state to another.</summary>
    public static void WriteFree(NetworkBuilder network, int from, int to, int item)
    {
        int open = network.Literal(from, "["), behind = network.State();
        network.Edge(open, (byte)']', (byte)']', to);
        network.Call(open, item, behind);
        network.Edge(behind, (byte)']', (byte)']', to);
        network.Call(network.Separator(behind, ','), item, behind);
    }

    /// <summary>Writes the lists that satisfy some schemas.</summary>
    public void Write(SchemaFacts facts)
    {
        int front = int.Min(facts.FrontItems, facts.MaxItems ?? int.MaxValue);
        int least = int.Max(0, facts.MinItems - front);
        int? most = facts.MaxItems is { } all ? all - front : null;
        SchemaGoal? others = facts.OtherItems();
        if (most < least || (others is null && least > 0))
        {
            return;
        }

        // A rule of its own, since it counts.
        int rule = network.NewRule(least, most), outer = network.Current;
        network.Call(network.Start, rule, network.End);
        network.Open(rule);
        Write(facts, front, least, others);
        network.Open(outer);
    }

    private void Write(SchemaFacts facts, int front, int least, SchemaGoal? others)
    {
        int at = network.Literal(network.Start, "["), end = network.End;
        for (int i = 0; i < front; i++)
        {
            if (facts.Item(i) is not { } item)
            {
                return;
            }

            int behind = network.State();
            network.Call(i == 0 ? at : network.Separator(at, ','), ruleOf(item), behind);
            at = behind;
        }

        if (least == 0)
        {
            network.Edge(at, (byte)']', (byte)']', end);
        }

        if (others is null)
        {
            return;
        }

        // Here behind an item that counts: more may follow, or the list ends.
        int other = ruleOf(others), taken = network.State(), counted = network.State(), more = network.State(), last = network.State();
        int first = network.State();
        network.Skip(at, first, Guard.More);
        network.Call(front == 0 ? first : network.Separator(first, ','), other, taken);
        network.Skip(taken, counted, Guard.Count);
        network.Skip(counted, last, Guard.Enough);
        network.Edge(last, (byte)']', (byte)']', end);
        network.Skip(counted, more, Guard.More);
        network.Call(network.Separator(more, ','), other, taken);
    }
}
