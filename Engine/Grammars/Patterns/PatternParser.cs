using System.Globalization;

namespace Lean.Engine.Grammars.Patterns;

/// <summary>
/// Reads the regular part of ECMA-262's expressions, as with the flag u: sets, groups, alternatives, repetition, and
/// anchors at the ends. What is not regular (references back, looking around) is refused by name.
/// </summary>
internal sealed class PatternParser
{
    private const int Longest = 4096;
    private const int Deepest = 64;
    private const int MostRepeats = 4096;

    private readonly int[] _text;
    private int _at;
    private int _depth;

    private PatternParser(string pattern) => _text = [.. pattern.EnumerateRunes().Select(static r => r.Value)];

    private bool AtEnd => _at == _text.Length;

    private int Current => AtEnd ? -1 : _text[_at];

    /// <summary>The strings that a pattern is found in, as JSON schemas mean it: without anchors anything may stand around it.</summary>
    /// <exception cref="PatternException">It is no pattern, or not one that can be enforced.</exception>
    public static PatternNode Search(string pattern) => PatternAnchors.Apply(Read(pattern));

    /// <summary>The strings that a pattern is the whole of.</summary>
    /// <exception cref="PatternException">It is no pattern, or not one that can be enforced.</exception>
    public static PatternNode Whole(string pattern) => Read(pattern);

    private static PatternNode Read(string pattern)
    {
        if (pattern.Length > Longest)
        {
            throw new PatternException($"has {pattern.Length:N0} characters, expected at most {Longest:N0}");
        }

        var parser = new PatternParser(pattern);
        PatternNode node = parser.Choice();
        return parser.AtEnd ? node : throw parser.Wrong("has a ) without a (");
    }

    private PatternNode Choice()
    {
        if (++_depth > Deepest)
        {
            throw new PatternException($"nests groups more than {Deepest} deep");
        }

        var options = new List<PatternNode> { Sequence() };
        while (Take('|'))
        {
            options.Add(Sequence());
        }

        _depth--;
        return options.Count == 1 ? options[0] : new PatternChoice(options);
    }

    private PatternSequence Sequence()
    {
        var parts = new List<PatternNode>();
        while (!AtEnd && Current is not ('|' or ')'))
        {
            PatternNode atom = Atom();
            parts.Add(Repeated(atom));
        }

        return new PatternSequence(parts);
    }

    private PatternNode Repeated(PatternNode atom)
    {
        (int Least, int? Most) times;
        switch (Current)
        {
            case '*':
                times = (0, null);
                break;
            case '+':
                times = (1, null);
                break;
            case '?':
                times = (0, 1);
                break;
            case '{':
                return AfterRepeat(Count(atom), atom);
            default:
                return atom;
        }

        _at++;
        return AfterRepeat(new PatternRepeat(atom, times.Least, times.Most), atom);
    }

    // Whether a repetition is lazy changes what a group captures, not what strings there are.
    private PatternNode AfterRepeat(PatternNode repeated, PatternNode atom)
    {
        if (atom is PatternAnchor)
        {
            throw Wrong("repeats an anchor");
        }

        Take('?');
        return Current is '*' or '+' or '?' or '{' ? throw Wrong("repeats a repetition") : repeated;
    }

    private PatternRepeat Count(PatternNode atom)
    {
        _at++;
        int least = Number();
        int? most = least;
        if (Take(','))
        {
            most = Current == '}' ? null : Number();
        }

        if (!Take('}') || most < least)
        {
            throw Wrong("has a { that begins no count such as {2,5}");
        }

        return new PatternRepeat(atom, least, most);
    }

    private int Number()
    {
        int value = 0, start = _at;
        while (Current is >= '0' and <= '9')
        {
            value = (value * 10) + Current - '0';
            _at++;
            if (value > MostRepeats)
            {
                throw Wrong($"repeats more than {MostRepeats:N0} times");
            }
        }

        return _at > start ? value : throw Wrong("has a { that begins no count such as {2,5}");
    }

    private PatternNode Atom()
    {
        int c = _text[_at++];
        return c switch
        {
            '^' => new PatternAnchor(IsStart: true),
            '$' => new PatternAnchor(IsStart: false),
            '.' => new PatternSet(CodePointSet.Dot),
            '[' => new PatternSet(Class()),
            '(' => Group(),
            '\\' => new PatternSet(Escape(inClass: false)),
            '*' or '+' or '?' or '{' => throw Wrong($"has a {(char)c} with nothing before it"),
            '}' or ']' => throw Wrong($"has a {(char)c} that closes nothing"),
            _ => new PatternSet(CodePointSet.Of(c)),
        };
    }

    private PatternNode Group()
    {
        if (Take('?'))
        {
            bool named = Current == '<' && _at + 1 < _text.Length && _text[_at + 1] is not ('=' or '!');
            if (named)
            {
                while (!AtEnd && Current != '>')
                {
                    _at++;
                }

                _at += AtEnd ? 0 : 1;
            }
            else if (!Take(':'))
            {
                throw Wrong("looks ahead or behind, or sets flags, with (?, which cannot be enforced");
            }
        }

        PatternNode inner = Choice();
        return Take(')') ? inner : throw Wrong("has a ( without a )");
    }

    private CodePointSet Class()
    {
        bool negated = Take('^');
        CodePointSet set = new([]);
        while (!Take(']'))
        {
            if (AtEnd)
            {
                throw Wrong("has a [ without a ]");
            }

            CodePointSet first = ClassAtom(out int from);
            if (Current == '-' && _at + 1 < _text.Length && _text[_at + 1] != ']')
            {
                _at++;
                ClassAtom(out int to);
                set = from >= 0 && to >= from
                    ? set.Or(new CodePointSet([new CodePointRange(from, to)]))
                    : throw Wrong("has a range in [ ] whose ends are no characters in order");
                continue;
            }

            set = set.Or(first);
        }

        return negated ? set.Complement() : set;
    }

    private CodePointSet ClassAtom(out int single)
    {
        if (AtEnd)
        {
            throw Wrong("has a [ without a ]");
        }

        int c = _text[_at++];
        CodePointSet set = c == '\\' ? Escape(inClass: true) : CodePointSet.Of(c);
        single = set.Ranges is [var only] && only.First == only.Last ? only.First : -1;
        return set;
    }

    private CodePointSet Escape(bool inClass)
    {
        if (AtEnd)
        {
            throw Wrong("ends in a \\");
        }

        int c = _text[_at++];
        switch (c)
        {
            case 'd':
                return CodePointSet.Digits;
            case 'D':
                return CodePointSet.Digits.Complement();
            case 'w':
                return CodePointSet.Word;
            case 'W':
                return CodePointSet.Word.Complement();
            case 's':
                return CodePointSet.Space;
            case 'S':
                return CodePointSet.Space.Complement();
            case 't':
                return CodePointSet.Of('\t');
            case 'n':
                return CodePointSet.Of('\n');
            case 'r':
                return CodePointSet.Of('\r');
            case 'f':
                return CodePointSet.Of('\f');
            case 'v':
                return CodePointSet.Of('\v');
            case '0' when Current is not (>= '0' and <= '9'):
                return CodePointSet.Of(0);
            case 'b' when inClass:
                return CodePointSet.Of('\b');
            case 'x':
                return CodePointSet.Of(Hex(2));
            case 'u':
                return CodePointSet.Of(Unicode());
            case 'p' or 'P':
                throw Wrong("uses \\p{…}, a property of Unicode, which is not supported");
            case 'b' or 'B':
                throw Wrong("uses \\b or \\B, the edge of a word, which is not supported");
            case 'k' or (>= '1' and <= '9'):
                throw Wrong("refers back to a group, which cannot be enforced");
            default:
                return c < 128 && char.IsAsciiLetterOrDigit((char)c)
                    ? throw Wrong($"uses \\{(char)c}, which means nothing")
                    : CodePointSet.Of(c);
        }
    }

    private int Unicode()
    {
        if (Take('{'))
        {
            int value = 0, start = _at;
            while (!AtEnd && Current != '}' && value <= CodePointSet.Last)
            {
                value = (value * 16) + Digit(_text[_at++]);
            }

            return _at > start && Take('}') && value <= CodePointSet.Last ? value : throw Wrong("has a \\u{…} that is no code point");
        }

        int unit = Hex(4);
        if (char.IsHighSurrogate((char)unit) && Current == '\\' && _at + 1 < _text.Length && _text[_at + 1] == 'u')
        {
            _at += 2;
            int low = Hex(4);
            return char.IsLowSurrogate((char)low) ? char.ConvertToUtf32((char)unit, (char)low) : throw Wrong("has half a surrogate pair");
        }

        return char.IsSurrogate((char)unit) ? throw Wrong("has half a surrogate pair") : unit;
    }

    private int Hex(int digits)
    {
        int value = 0;
        for (int i = 0; i < digits; i++)
        {
            value = (value * 16) + Digit(AtEnd ? -1 : _text[_at++]);
        }

        return value;
    }

    private int Digit(int c) => c is >= 0 and < 128 && char.IsAsciiHexDigit((char)c)
        ? int.Parse([(char)c], NumberStyles.AllowHexSpecifier)
        : throw Wrong("has an escape with too few hexadecimal digits");

    private bool Take(int c)
    {
        bool found = Current == c;
        _at += found ? 1 : 0;
        return found;
    }

    private PatternException Wrong(string what) => new($"{what} (at character {_at})");
}
