namespace Lean.Engine.Grammars.Patterns;

/// <summary>A regular expression as a tree.</summary>
internal abstract record PatternNode
{
    /// <summary>The empty string.</summary>
    public static readonly PatternNode Empty = new PatternSequence([]);

    /// <summary>Any string.</summary>
    public static readonly PatternNode Anything = new PatternRepeat(new PatternSet(CodePointSet.All), 0, null);

    /// <summary>A text as it stands.</summary>
    public static PatternNode Literal(string text) =>
        new PatternSequence([.. text.EnumerateRunes().Select(static r => new PatternSet(CodePointSet.Of(r.Value)))]);

    /// <summary>One expression behind the other.</summary>
    public static PatternNode Sequence(params PatternNode[] parts) => new PatternSequence(parts);

    /// <summary>One of some expressions.</summary>
    public static PatternNode Either(params PatternNode[] options) => new PatternChoice(options);
}

/// <summary>One code point of a set.</summary>
internal sealed record PatternSet(CodePointSet Set) : PatternNode;

/// <summary>All parts, in order.</summary>
internal sealed record PatternSequence(IReadOnlyList<PatternNode> Parts) : PatternNode;

/// <summary>One of the options.</summary>
internal sealed record PatternChoice(IReadOnlyList<PatternNode> Options) : PatternNode;

/// <summary>A part so often; without an upper limit where that is null.</summary>
internal sealed record PatternRepeat(PatternNode Part, int Least, int? Most) : PatternNode;

/// <summary>The start or the end of the string, which is where it has to stand.</summary>
internal sealed record PatternAnchor(bool IsStart) : PatternNode;
