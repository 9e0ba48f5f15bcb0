using System.Text;
using System.Text.Json;
using Lean.Engine.Grammars.Automata;
using Lean.Engine.Grammars.Patterns;

namespace Lean.Engine.Grammars.Schemas;

/// <summary>Writes values without parts, and values that are listed, into the current rule.</summary>
internal sealed class ScalarRules(NetworkBuilder network, StringRules strings, WorkBudget budget)
{
    private CharDfa? _integer;
    private CharDfa? _number;

    /// <summary>Writes the scalars of some types.</summary>
    /// <exception cref="PatternException">A pattern is too large.</exception>
    public void Write(JsonTypes types, SchemaFacts facts)
    {
        int start = network.Start, end = network.End;
        if (types.HasFlag(JsonTypes.Null))
        {
            network.Skip(network.Literal(start, "null"), end);
        }

        if (types.HasFlag(JsonTypes.Boolean))
        {
            network.Skip(network.Literal(start, "true"), end);
            network.Skip(network.Literal(start, "false"), end);
        }

        if ((types & JsonTypes.Number) != 0)
        {
            int first = network.State();
            network.Skip(start, first);
            strings.Text(Numbers(facts, types.HasFlag(JsonTypes.Fraction)), first, end, isQuoted: false);
        }

        if (types.HasFlag(JsonTypes.String) && (facts.MaxLength is null || facts.MinLength <= facts.MaxLength))
        {
            network.Call(start, StringRule(facts), end);
        }
    }

    /// <summary>Writes the values that are listed, as far as the other keywords let them.</summary>
    /// <exception cref="PatternException">A pattern is too large.</exception>
    public void WriteValues(SchemaFacts facts, SchemaPlace place)
    {
        CharDfa? texts = null, numbers = null;
        var next = new Dictionary<(int State, byte Value), int>();
        int end = network.End;
        foreach ((string text, JsonElement value) in facts.Values!)
        {
            JsonTypes type = SchemaFacts.TypeOf(value);
            bool fits = (facts.Types & type) != 0 && type switch
            {
                JsonTypes.String => FitsString(value.GetString()!, facts, ref texts),
                JsonTypes.Integer or JsonTypes.Fraction => FitsNumber(value.GetRawText(), facts, ref numbers),
                JsonTypes.Array or JsonTypes.Object when (facts.Meant & (JsonTypes.Array | JsonTypes.Object)) != 0 =>
                    throw place.Refuse("lists or objects in enum or const beside keywords that limit them are not supported"),
                _ => true,
            };
            if (!fits)
            {
                continue;
            }

            // A trie: values that begin alike share what they begin with.
            int at = network.Start;
            foreach (byte b in Encoding.UTF8.GetBytes(text))
            {
                if (!next.TryGetValue((at, b), out int target))
                {
                    next[(at, b)] = target = network.State();
                    network.Edge(at, b, b, target);
                }

                at = target;
            }

            network.Skip(at, end);
        }
    }

    private int StringRule(SchemaFacts facts)
    {
        if (facts.Patterns.Count == 0)
        {
            return strings.Free(facts.MinLength, facts.MaxLength);
        }

        // The most common of all patterns: so many characters of a set. Without a counter, each would be a state.
        if (facts.Patterns is [(_, var pattern)] && PatternAnchors.OnlyRepeats(pattern) is { Part: PatternSet { Set: { IsEmpty: false } set } } repeat)
        {
            int least = int.Max(repeat.Least, facts.MinLength), most = int.Min(repeat.Most ?? int.MaxValue, facts.MaxLength ?? int.MaxValue);
            if (least <= most)
            {
                return strings.Repeated(set, least, most == int.MaxValue ? null : most);
            }
        }

        return strings.Of(Strings(facts));
    }

    private bool FitsString(string text, SchemaFacts facts, ref CharDfa? automaton)
    {
        int length = text.EnumerateRunes().Count();
        return length >= facts.MinLength && length <= (facts.MaxLength ?? int.MaxValue)
            && (facts.Patterns.Count == 0 || (automaton ??= Patterns(facts)).Matches(text));
    }

    private bool FitsNumber(string text, SchemaFacts facts, ref CharDfa? automaton)
    {
        if (facts.Bounds.Count == 0 && facts.Steps.Count == 0)
        {
            return true;
        }

        automaton ??= Limits(facts, null)!;
        return ExactDecimal.Parse(text) is { } number && automaton.Matches(number.ToString());
    }

    private CharDfa Numbers(SchemaFacts facts, bool hasFraction)
    {
        if (facts.Bounds.Count == 0 && facts.Steps.Count == 0)
        {
            return hasFraction
                ? _number ??= CharDfaBuilder.Build(NumberPatterns.Number, budget)
                : _integer ??= CharDfaBuilder.Build(NumberPatterns.Integer, budget);
        }

        return Limits(facts, CharDfaBuilder.Build(hasFraction ? NumberPatterns.Plain : NumberPatterns.Integer, budget))!;
    }

    private CharDfa? Limits(SchemaFacts facts, CharDfa? all)
    {
        foreach ((SchemaPlace place, PatternNode pattern) in facts.Bounds)
        {
            all = Both(all, CharDfaBuilder.Build(pattern, budget), place);
        }

        foreach ((SchemaPlace place, ExactDecimal step) in facts.Steps)
        {
            try
            {
                all = Both(all, NumberPatterns.MultiplesOf(step), place);
            }
            catch (PatternException wrong)
            {
                throw place.Refuse(wrong.Message);
            }
        }

        return all;
    }

    /// <summary>The strings of some schemas, which are among others.</summary>
    /// <exception cref="PatternException">They need too large an automaton.</exception>
    public CharDfa Strings(SchemaFacts facts, CharDfa others)
    {
        CharDfa all = facts.Values is null
            ? others
            : CharDfaBuilder.Build(new PatternChoice([.. Texts(facts).Select(PatternNode.Literal)]), budget).And(others, budget);
        all = facts.Patterns.Count == 0 ? all : Patterns(facts).And(all, budget);
        return facts.MinLength == 0 && facts.MaxLength is null ? all : all.And(CharDfa.OfLength(facts.MinLength, facts.MaxLength), budget);
    }

    private static IEnumerable<string> Texts(SchemaFacts facts) =>
        facts.Values!.Values.Where(static v => v.ValueKind == JsonValueKind.String).Select(static v => v.GetString()!);

    private CharDfa Strings(SchemaFacts facts)
    {
        CharDfa all = Patterns(facts);
        return facts.MinLength == 0 && facts.MaxLength is null
            ? all
            : Both(all, Length(facts), facts.Patterns[0].Place);
    }

    private static CharDfa Length(SchemaFacts facts)
    {
        try
        {
            return CharDfa.OfLength(facts.MinLength, facts.MaxLength);
        }
        catch (PatternException wrong)
        {
            throw facts.Patterns[0].Place.Refuse($"with the limits on its length, the pattern {wrong.Message}");
        }
    }

    private CharDfa Patterns(SchemaFacts facts)
    {
        CharDfa? all = null;
        foreach ((SchemaPlace place, PatternNode pattern) in facts.Patterns)
        {
            try
            {
                all = Both(all, CharDfaBuilder.Build(pattern, budget), place);
            }
            catch (PatternException wrong)
            {
                throw place.Refuse($"the pattern {wrong.Message}");
            }
        }

        return all!;
    }

    private CharDfa Both(CharDfa? one, CharDfa other, SchemaPlace place)
    {
        try
        {
            return one is null ? other : one.And(other, budget);
        }
        catch (PatternException wrong)
        {
            throw place.Refuse($"together with the keywords beside it, the pattern {wrong.Message}");
        }
    }
}
