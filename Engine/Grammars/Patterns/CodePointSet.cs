namespace Lean.Engine.Grammars.Patterns;

/// <summary>A set of code points that text can hold: all but the surrogates. Ranges rise and do not touch.</summary>
internal sealed class CodePointSet
{
    private const int FirstSurrogate = 0xD800;
    private const int LastSurrogate = 0xDFFF;

    /// <summary>The last code point.</summary>
    public const int Last = 0x10FFFF;

    /// <summary>Every code point.</summary>
    public static readonly CodePointSet All = new([new CodePointRange(0, Last)]);

    /// <summary>ECMA's <c>.</c>: all but the ends of lines.</summary>
    public static readonly CodePointSet Dot = Of('\n', '\r', '\u2028', '\u2029').Complement();

    /// <summary>ECMA's <c>\d</c>.</summary>
    public static readonly CodePointSet Digits = new([new CodePointRange('0', '9')]);

    /// <summary>ECMA's <c>\w</c>.</summary>
    public static readonly CodePointSet Word = new(
        [new CodePointRange('0', '9'), new CodePointRange('A', 'Z'), new CodePointRange('_', '_'), new CodePointRange('a', 'z')]);

    /// <summary>ECMA's <c>\s</c>.</summary>
    public static readonly CodePointSet Space = new(
        [
            new CodePointRange('\t', '\r'), new CodePointRange(' ', ' '), new CodePointRange(0xA0, 0xA0), new CodePointRange(0x1680, 0x1680),
            new CodePointRange(0x2000, 0x200A), new CodePointRange(0x2028, 0x2029), new CodePointRange(0x202F, 0x202F), new CodePointRange(0x205F, 0x205F),
            new CodePointRange(0x3000, 0x3000), new CodePointRange(0xFEFF, 0xFEFF),
        ]);

    private readonly CodePointRange[] _ranges;

    /// <param name="ranges">Ranges in any order, which may overlap.</param>
    public CodePointSet(IEnumerable<CodePointRange> ranges)
    {
        var joined = new List<CodePointRange>();
        foreach (CodePointRange range in ranges.SelectMany(WithoutSurrogates).OrderBy(static r => r.First))
        {
            if (joined.Count > 0 && range.First <= joined[^1].Last + 1)
            {
                joined[^1] = joined[^1] with { Last = int.Max(joined[^1].Last, range.Last) };
            }
            else
            {
                joined.Add(range);
            }
        }

        _ranges = [.. joined];
    }

    /// <summary>The ranges.</summary>
    public ReadOnlySpan<CodePointRange> Ranges => _ranges;

    /// <summary>Whether it holds nothing.</summary>
    public bool IsEmpty => _ranges.Length == 0;

    /// <summary>The set of some code points.</summary>
    public static CodePointSet Of(params ReadOnlySpan<int> codePoints)
    {
        var ranges = new List<CodePointRange>(codePoints.Length);
        foreach (int c in codePoints)
        {
            ranges.Add(new CodePointRange(c, c));
        }

        return new CodePointSet(ranges);
    }

    /// <summary>What either set holds.</summary>
    public CodePointSet Or(CodePointSet other) => new(_ranges.Concat(other._ranges));

    /// <summary>All other code points.</summary>
    public CodePointSet Complement()
    {
        var ranges = new List<CodePointRange>();
        int next = 0;
        foreach (CodePointRange range in _ranges)
        {
            if (range.First > next)
            {
                ranges.Add(new CodePointRange(next, range.First - 1));
            }

            next = range.Last + 1;
        }

        if (next <= Last)
        {
            ranges.Add(new CodePointRange(next, Last));
        }

        return new CodePointSet(ranges);
    }

    private static IEnumerable<CodePointRange> WithoutSurrogates(CodePointRange range)
    {
        if (range.First < FirstSurrogate)
        {
            yield return range with { Last = int.Min(range.Last, FirstSurrogate - 1) };
        }

        if (range.Last > LastSurrogate)
        {
            yield return range with { First = int.Max(range.First, LastSurrogate + 1) };
        }
    }
}
