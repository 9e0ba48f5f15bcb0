namespace Lean.Engine.Grammars.Patterns;

/// <summary>
/// What anchors mean: a pattern is looked for in a string, so anything may stand before it unless it begins with ^, and
/// after it unless it ends with $. Anchors elsewhere are refused.
/// </summary>
internal static class PatternAnchors
{
    /// <summary>The strings in which a pattern is found.</summary>
    public static PatternNode Apply(PatternNode node)
    {
        if (node is PatternChoice choice)
        {
            return new PatternChoice([.. choice.Options.Select(Apply)]);
        }

        if (node is PatternAnchor)
        {
            return PatternNode.Anything;
        }

        if (node is not PatternSequence sequence)
        {
            return Within(node, before: true, after: true);
        }

        List<PatternNode> parts = Flat(sequence);
        bool start = parts.Count > 0 && parts[0] is PatternAnchor { IsStart: true };
        bool end = parts.Count > 0 && parts[^1] is PatternAnchor { IsStart: false };
        List<PatternNode> inner = parts[(start ? 1 : 0)..(end ? ^1 : ^0)];

        // ^a|b$ in a group of its own, as generators write it.
        return !start && !end && inner is [PatternChoice group] && HasAnchor(group)
            ? Apply(group)
            : Within(new PatternSequence(inner), !start, !end);
    }

    /// <summary>The one set whose repetition a pattern is, from end to end; null where there is more to it.</summary>
    public static PatternRepeat? OnlyRepeats(PatternNode node) => node switch
    {
        PatternRepeat { Part: PatternSet } repeat => repeat,
        PatternRepeat { Part: PatternSequence { Parts: [PatternSet set] } } repeat => repeat with { Part = set },
        PatternSequence sequence => Flat(sequence) is [var only] && only != node ? OnlyRepeats(only) : null,
        _ => null,
    };

    private static PatternSequence Within(PatternNode node, bool before, bool after)
    {
        if (HasAnchor(node))
        {
            throw new PatternException("has ^ or $ elsewhere than at its ends, which is not supported");
        }

        return new PatternSequence([before ? PatternNode.Anything : PatternNode.Empty, node, after ? PatternNode.Anything : PatternNode.Empty]);
    }

    private static List<PatternNode> Flat(PatternSequence sequence) =>
        [.. sequence.Parts.SelectMany(static p => p is PatternSequence inner ? Flat(inner) : [p])];

    private static bool HasAnchor(PatternNode node) => node switch
    {
        PatternAnchor => true,
        PatternSequence sequence => sequence.Parts.Any(HasAnchor),
        PatternChoice choice => choice.Options.Any(HasAnchor),
        PatternRepeat repeat => HasAnchor(repeat.Part),
        _ => false,
    };
}
