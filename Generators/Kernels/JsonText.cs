using System.Globalization;
using System.Text;

namespace Lean.Generators.Kernels;

/// <summary>
/// Reads JSON into dictionaries, lists, strings, doubles and bools. A generator runs inside whatever compiler there
/// is, which need not have a JSON library, and kernels.json uses the plain core of the language.
/// </summary>
internal sealed class JsonText
{
    private const int Deepest = 16;

    private readonly string _text;
    private int _at;

    private JsonText(string text) => _text = text;

    /// <summary>Reads a document.</summary>
    /// <exception cref="FormatException">Says what was expected, and at which character.</exception>
    public static object? Read(string text)
    {
        var reader = new JsonText(text);
        object? value = reader.Value(0);
        reader.Space();
        return reader._at == text.Length ? value : throw reader.Expected("the end");
    }

    private object? Value(int depth)
    {
        Space();
        if (_at == _text.Length || depth > Deepest)
        {
            throw Expected(depth > Deepest ? "less nesting" : "a value");
        }

        return _text[_at] switch
        {
            '{' => Members(depth),
            '[' => Items(depth),
            '"' => Text(),
            _ => Word(),
        };
    }

    private Dictionary<string, object?> Members(int depth)
    {
        var members = new Dictionary<string, object?>();
        Take('{');
        while (!Try('}'))
        {
            if (members.Count > 0)
            {
                Take(',');
            }

            string name = Text();
            Take(':');
            members[name] = Value(depth + 1);
        }

        return members;
    }

    private List<object?> Items(int depth)
    {
        var items = new List<object?>();
        Take('[');
        while (!Try(']'))
        {
            if (items.Count > 0)
            {
                Take(',');
            }

            items.Add(Value(depth + 1));
        }

        return items;
    }

    private string Text()
    {
        Take('"');
        var text = new StringBuilder();
        while (_at < _text.Length && _text[_at] != '"')
        {
            if (_text[_at] == '\\')
            {
                // Writers escape what they need not, such as +, as \u002B.
                if (_at + 5 < _text.Length && _text[_at + 1] == 'u'
                    && int.TryParse(_text.Substring(_at + 2, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out int code))
                {
                    text.Append((char)code);
                    _at += 6;
                    continue;
                }

                _at++;
                if (_at == _text.Length || !"\"\\/".Contains(_text[_at].ToString()))
                {
                    throw Expected("an escaped quote, slash or code");
                }
            }

            text.Append(_text[_at++]);
        }

        Take('"');
        return text.ToString();
    }

    private object? Word()
    {
        int start = _at;
        while (_at < _text.Length && (char.IsLetterOrDigit(_text[_at]) || "+-.".Contains(_text[_at].ToString())))
        {
            _at++;
        }

        string word = _text.Substring(start, _at - start);
        return word switch
        {
            "true" => true,
            "false" => false,
            "null" => null,
            _ when double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) => number,
            _ => throw Expected("a value"),
        };
    }

    private bool Try(char expected)
    {
        Space();
        if (_at < _text.Length && _text[_at] == expected)
        {
            _at++;
            return true;
        }

        return false;
    }

    private void Take(char expected)
    {
        if (!Try(expected))
        {
            throw Expected($"'{expected}'");
        }
    }

    private void Space()
    {
        while (_at < _text.Length && char.IsWhiteSpace(_text[_at]))
        {
            _at++;
        }
    }

    private FormatException Expected(string what) => new($"expected {what} at character {_at + 1}");
}
