using Lean.Engine.Grammars.Automata;
using Lean.Engine.Grammars.Patterns;
using Lean.Tensors;

namespace Lean.Engine.Grammars.Schemas;

/// <summary>
/// Turns schemas into rules of a network, one for each set of schemas that a value has to satisfy at once, so that recursive
/// schemas become rules that call each other. Time and size are bounded.
/// </summary>
internal sealed class SchemaCompiler
{
    private const int MostGoals = 20_000;

    private readonly NetworkBuilder _network;
    private readonly StringRules _strings;
    private readonly ObjectRules _objects;
    private readonly ArrayRules _arrays;
    private readonly ScalarRules _scalars;
    private readonly Dictionary<string, int> _rules = [];
    private readonly Queue<(int Rule, SchemaGoal Goal)> _open = new();
    private int? _anything;

    /// <param name="network">Takes the rules.</param>
    public SchemaCompiler(NetworkBuilder network)
    {
        _network = network;
        _strings = new StringRules(network);
        var budget = new WorkBudget();
        _scalars = new ScalarRules(network, _strings, budget);
        _objects = new ObjectRules(network, _strings, RuleOf);
        _arrays = new ArrayRules(network, RuleOf);
    }

    /// <summary>The rule of a goal; it is written by <see cref="Finish"/>.</summary>
    /// <exception cref="InputException">There are too many.</exception>
    public int RuleOf(SchemaGoal goal)
    {
        if (goal.Entries.Count == 0)
        {
            return Anything();
        }

        if (!_rules.TryGetValue(goal.Key, out int rule))
        {
            if (_rules.Count == MostGoals)
            {
                throw goal.Entries[0].Place.Refuse($"more than {MostGoals:N0} combinations of schemas have to hold");
            }

            _rules[goal.Key] = rule = _network.NewRule();
            _open.Enqueue((rule, goal));
        }

        return rule;
    }

    /// <summary>The rule of objects, whatever they hold.</summary>
    public int AnyObject()
    {
        int rule = _network.NewRule();
        _network.Open(rule);
        _objects.WriteFree(_network.Start, _network.End, Anything(), _strings.Free());
        return rule;
    }

    /// <summary>The strings of some schemas, without quotes, lead from a state of the current rule to another.</summary>
    /// <param name="facts">What the schemas come to.</param>
    /// <param name="place">Where they stand, for messages.</param>
    /// <param name="from">The first state.</param>
    /// <param name="to">The state behind.</param>
    /// <param name="end">What no string holds, since it follows.</param>
    public void WriteText(SchemaFacts facts, SchemaPlace place, int from, int to, string end)
    {
        try
        {
            _strings.Text(_scalars.Strings(facts, CharDfa.Without(end)), from, to, isQuoted: false);
        }
        catch (PatternException wrong)
        {
            throw place.Refuse($"the pattern {wrong.Message}");
        }
    }

    /// <summary>Writes all rules that were asked for.</summary>
    /// <exception cref="InputException">A schema is wrong, or holds what is not supported.</exception>
    public void Finish()
    {
        while (_open.TryDequeue(out (int Rule, SchemaGoal Goal) next))
        {
            SchemaPlace place = next.Goal.Entries[0].Place;
            try
            {
                Write(next.Rule, next.Goal);
            }
            catch (GrammarLimitException wrong)
            {
                throw place.Refuse($"the schema {wrong.Message}");
            }
            catch (PatternException wrong)
            {
                throw place.Refuse($"the pattern {wrong.Message}");
            }
        }
    }

    /// <summary>The facts of a goal without choices.</summary>
    public static SchemaFacts? FactsOf(SchemaGoal goal)
    {
        var flat = new FlatGoal(goal);
        return flat.IsNever || flat.Choices.Count > 0 ? null : KeywordReader.Read(flat.Schemas);
    }

    private void Write(int rule, SchemaGoal goal)
    {
        var flat = new FlatGoal(goal);
        _network.Open(rule);
        if (flat.IsNever)
        {
            return;
        }

        if (flat.Choices.Count > 0)
        {
            WriteOptions(flat);
            return;
        }

        if (flat.Schemas.Count == 0)
        {
            _network.Call(_network.Start, Anything(), _network.End);
            return;
        }

        SchemaFacts facts = KeywordReader.Read(flat.Schemas);
        if (facts.Values is not null)
        {
            _scalars.WriteValues(facts, flat.Schemas[0]);
        }
        else
        {
            WriteTypes(facts, flat.Schemas[0]);
        }
    }

    private void WriteOptions(FlatGoal flat)
    {
        List<SchemaGoal> options = flat.Options();
        SchemaPlace choice = flat.Choices[0];
        if (options.Count > SchemaChoices.Most)
        {
            throw choice.Refuse($"has {options.Count:N0} schemas, expected at most {SchemaChoices.Most:N0}");
        }

        if (choice.Pointer.EndsWith("/oneOf", StringComparison.Ordinal))
        {
            SchemaChoices.CheckDisjoint(options, choice);
        }

        int start = _network.Start, end = _network.End;
        foreach (SchemaGoal option in options)
        {
            _network.Call(start, RuleOf(option), end);
        }
    }

    private void WriteTypes(SchemaFacts facts, SchemaPlace place)
    {
        if (!facts.SaysTypes && facts.Meant == JsonTypes.None)
        {
            _network.Call(_network.Start, Anything(), _network.End);
            return;
        }

        JsonTypes types = facts.WrittenTypes;
        _scalars.Write(types, facts);
        if (types.HasFlag(JsonTypes.Array))
        {
            _arrays.Write(facts);
        }

        if (types.HasFlag(JsonTypes.Object))
        {
            _objects.Write(facts, place);
        }
    }

    // Any value: objects and lists only while few are open, so that it ends, and parsers can read it.
    private int Anything()
    {
        if (_anything is { } known)
        {
            return known;
        }

        int rule = _network.NewRule(), before = _network.Current;
        _anything = rule;
        _network.Open(rule);
        int start = _network.Start, end = _network.End, nested = _network.State();
        _scalars.Write(JsonTypes.Null | JsonTypes.Boolean | JsonTypes.Number | JsonTypes.String, new SchemaFacts());
        _network.Skip(start, nested, Guard.Shallow);
        _objects.WriteFree(nested, end, rule, _strings.Free());
        ArrayRules.WriteFree(_network, nested, end, rule);
        _network.Open(before);
        return rule;
    }
}
