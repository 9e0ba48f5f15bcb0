using Lean.Engine.Chat.Jinja.Operations;
using Lean.Tensors;

namespace Lean.Engine.Chat.Jinja.Syntax;

/// <summary>
/// Cuts a template into tokens, with the white space that Jinja takes away under trim_blocks and lstrip_blocks, as
/// transformers sets them: a line break after a block or comment, and spaces before one that begins a line. A minus on
/// the inside of a tag takes all white space on that side, a plus keeps it.
/// </summary>
internal sealed class Lexer
{
    private readonly string _source;
    private readonly List<Token> _tokens = [];
    private int _at;
    private int _line = 1;
    private int _counted;

    private Lexer(string source) => _source = source;

    /// <summary>A template's tokens; the last is its end.</summary>
    /// <param name="source">The template.</param>
    /// <param name="line">The line reached, for errors.</param>
    /// <exception cref="InputException">A tag is broken.</exception>
    public static List<Token> Read(string source, ref int line)
    {
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        var lexer = new Lexer(source.EndsWith('\n') ? source[..^1] : source);
        try
        {
            lexer.Read();
            return lexer._tokens;
        }
        finally
        {
            line = lexer._line;
        }
    }

    private void Read()
    {
        while (_at < _source.Length)
        {
            int begin = FindTag(_at);
            if (begin < 0)
            {
                Add(TokenKind.Data, _source[_at..]);
                MoveTo(_source.Length);
                break;
            }

            char kind = _source[begin + 1];
            char mark = begin + 2 < _source.Length && _source[begin + 2] is '-' or '+' ? _source[begin + 2] : ' ';
            AddData(begin, mark, kind != '{');
            int inside = begin + (mark == ' ' ? 2 : 3);
            if (kind == '#')
            {
                SkipComment(inside);
            }
            else if (kind == '%' && RawBegin(inside) is >= 0 and int raw)
            {
                ReadRaw(raw);
            }
            else
            {
                Add(kind == '%' ? TokenKind.BlockBegin : TokenKind.VariableBegin, "");
                MoveTo(inside);
                ReadTag(kind);
            }
        }

        Add(TokenKind.End, "");
    }

    private int FindTag(int from)
    {
        for (int at = from; ; at++)
        {
            at = _source.IndexOf('{', at);
            if (at < 0 || at + 1 >= _source.Length)
            {
                return -1;
            }

            if (_source[at + 1] is '{' or '%' or '#')
            {
                return at;
            }
        }
    }

    // Text up to a tag. Before blocks and comments that begin a line, the line's white space goes.
    private void AddData(int end, char mark, bool strips)
    {
        string text = _source[_at..end];
        if (mark == '-')
        {
            text = Texts.Strip(text, left: false, right: true);
        }
        else if (mark != '+' && strips)
        {
            int lineStart = text.LastIndexOf('\n') + 1;
            bool beginsLine = lineStart > 0 || _at == 0 || _source[_at - 1] == '\n';
            if (beginsLine && text.Skip(lineStart).All(Texts.IsSpace))
            {
                text = text[..lineStart];
            }
        }

        if (text.Length > 0)
        {
            Add(TokenKind.Data, text);
        }

        MoveTo(end);
    }

    private void SkipComment(int inside)
    {
        // The mark may be part of the end: {#-#}.
        int close = _source.IndexOf("#}", inside, StringComparison.Ordinal);
        if (close < 0)
        {
            throw Fault.Syntax("Missing end of comment tag");
        }

        MoveTo(AfterEnd(close, close > inside ? _source[close - 1] : ' ', 2));
    }

    // Behind a tag's end: all white space after a minus, nothing after a plus, else one line break.
    private int AfterEnd(int close, char mark, int length)
    {
        int at = close + length;
        if (mark == '-')
        {
            return SkipSpace(at);
        }

        return mark != '+' && at < _source.Length && _source[at] == '\n' ? at + 1 : at;
    }

    private int SkipSpace(int at)
    {
        while (at < _source.Length && Texts.IsSpace(_source[at]))
        {
            at++;
        }

        return at;
    }

    // Where the text of {% raw %} begins, or -1 where this block is another.
    private int RawBegin(int inside)
    {
        int at = SkipSpace(inside);
        if (!Starts(at, "raw"))
        {
            return -1;
        }

        at = SkipSpace(at + 3);
        return Starts(at, "-%}") ? SkipSpace(at + 3) : Starts(at, "%}") ? at + 2 : -1;
    }

    private void ReadRaw(int start)
    {
        MoveTo(start);
        for (int at = start; (at = _source.IndexOf("{%", at, StringComparison.Ordinal)) >= 0; at += 2)
        {
            char mark = at + 2 < _source.Length && _source[at + 2] is '-' or '+' ? _source[at + 2] : ' ';
            int name = SkipSpace(at + (mark == ' ' ? 2 : 3));
            if (!Starts(name, "endraw"))
            {
                continue;
            }

            int close = SkipSpace(name + 6);
            char end = close < _source.Length && _source[close] is '-' or '+' ? _source[close] : ' ';
            if (Starts(close + (end == ' ' ? 0 : 1), "%}"))
            {
                AddData(at, mark, strips: true);
                MoveTo(AfterEnd(close + (end == ' ' ? 0 : 1), end, 2));
                return;
            }
        }

        throw Fault.Syntax("Missing end of raw directive");
    }

    private bool Starts(int at, string text) => string.CompareOrdinal(_source, at, text, 0, text.Length) == 0;

    private void ReadTag(char kind)
    {
        string end = kind == '%' ? "%}" : "}}";
        TokenKind endKind = kind == '%' ? TokenKind.BlockEnd : TokenKind.VariableEnd;
        List<char> open = [];
        while (true)
        {
            MoveTo(SkipSpace(_at));
            if (_at >= _source.Length)
            {
                return;
            }

            // A bracket that is open takes what looks like the tag's end.
            if (open.Count == 0 && TryEnd(kind, end, out int after))
            {
                Add(endKind, "");
                MoveTo(after);
                return;
            }

            Token token = TokenReader.Read(_source, _at, _line, out int next);
            if (token.Kind == TokenKind.Operator)
            {
                Balance(open, token.Text[0]);
            }

            _tokens.Add(token);
            MoveTo(next);
        }
    }

    private bool TryEnd(char kind, string end, out int after)
    {
        char mark = _source[_at] == '-' || (_source[_at] == '+' && kind == '%') ? _source[_at] : ' ';
        int close = _at + (mark == ' ' ? 0 : 1);
        bool ends = Starts(close, end);

        // Only blocks take a line break with them.
        after = !ends ? 0 : kind == '{' && mark != '-' ? close + 2 : AfterEnd(close, mark, 2);
        return ends;
    }

    private static void Balance(List<char> open, char symbol)
    {
        if (symbol is '(' or '[' or '{')
        {
            open.Add(symbol == '(' ? ')' : symbol == '[' ? ']' : '}');
        }
        else if (symbol is ')' or ']' or '}')
        {
            if (open.Count == 0)
            {
                throw Fault.Syntax($"unexpected '{symbol}'");
            }

            if (open[^1] != symbol)
            {
                throw Fault.Syntax($"unexpected '{symbol}', expected '{open[^1]}'");
            }

            open.RemoveAt(open.Count - 1);
        }
    }

    private void Add(TokenKind kind, string text) => _tokens.Add(new Token(kind, text, _line));

    private void MoveTo(int place)
    {
        _line += _source.AsSpan(_counted, place - _counted).Count('\n');
        (_at, _counted) = (place, place);
    }
}
