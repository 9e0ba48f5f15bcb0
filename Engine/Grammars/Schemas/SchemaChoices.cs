using Lean.Tensors;

namespace Lean.Engine.Grammars.Schemas;

/// <summary>Whether the schemas of a <c>oneOf</c> exclude each other; then it means what <c>anyOf</c> does.</summary>
internal static class SchemaChoices
{
    /// <summary>The most schemas of one list.</summary>
    public const int Most = 256;

    private const int MostNested = 64;

    /// <summary>Checks that no value satisfies two of them.</summary>
    /// <exception cref="InputException">It cannot be told.</exception>
    public static void CheckDisjoint(List<SchemaGoal> options, SchemaPlace place)
    {
        List<List<SchemaFacts>?> facts = [.. options.Select(static o => All(o))];
        for (int i = 0; i < facts.Count; i++)
        {
            for (int j = 0; j < i; j++)
            {
                if (!Exclude(facts[j], facts[i]))
                {
                    throw place.Refuse(
                        $"schemas {j + 1} and {i + 1} may hold for the same value, which oneOf forbids and no grammar can tell; anyOf allows it, as does a required property with a different const in each");
                }
            }
        }
    }

    // What a goal comes to, for each way through its choices; null for too many.
    private static List<SchemaFacts>? All(SchemaGoal goal)
    {
        var all = new List<SchemaFacts>();
        var open = new Stack<SchemaGoal>([goal]);
        for (int steps = 0; open.TryPop(out SchemaGoal? next); steps++)
        {
            var flat = new FlatGoal(next);
            if (steps > MostNested || (flat.Choices.Count > 0 && flat.Options().Count > MostNested))
            {
                return null;
            }

            if (flat.IsNever)
            {
                continue;
            }

            if (flat.Choices.Count == 0)
            {
                all.Add(KeywordReader.Read(flat.Schemas));
                continue;
            }

            foreach (SchemaGoal option in flat.Options())
            {
                open.Push(option);
            }
        }

        return all;
    }

    private static bool Exclude(List<SchemaFacts>? left, List<SchemaFacts>? right) =>
        left is not null && right is not null && left.All(a => right.All(b => Exclude(a, b)));

    private static bool Exclude(SchemaFacts left, SchemaFacts right)
    {
        JsonTypes common = left.CertainTypes & right.CertainTypes;
        return common == JsonTypes.None || HaveNoValue(left, right) || (common == JsonTypes.Object && HaveTag(left, right));
    }

    private static bool HaveNoValue(SchemaFacts left, SchemaFacts right) =>
        left.Values is not null && right.Values is not null && !left.Values.Keys.Any(right.Values.ContainsKey);

    // A property that one of them requires and that has other values, or another type, in the other.
    private static bool HaveTag(SchemaFacts left, SchemaFacts right)
    {
        foreach (string name in left.Names.Intersect(right.Names).Where(n => left.Required.Contains(n) || right.Required.Contains(n)))
        {
            if (left.Property(name) is not { } a || right.Property(name) is not { } b)
            {
                return true;
            }

            if (SchemaCompiler.FactsOf(a) is { } ours && SchemaCompiler.FactsOf(b) is { } theirs
                && ((ours.CertainTypes & theirs.CertainTypes) == JsonTypes.None || HaveNoValue(ours, theirs)))
            {
                return true;
            }
        }

        return false;
    }
}
