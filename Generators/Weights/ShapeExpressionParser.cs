using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Lean.Generators.Weights;

/// <summary>
/// Reads extents such as "2 * Heads * HeadDim": sums, differences, products and exact quotients of integers and symbols.
/// </summary>
internal sealed class ShapeExpressionParser
{
    private readonly string _source;
    private readonly StringBuilder _text = new();
    private readonly StringBuilder _code = new();
    private readonly ImmutableArray<(string, int)>.Builder _symbols = ImmutableArray.CreateBuilder<(string, int)>();
    private int _position;
    private bool _divides;

    private ShapeExpressionParser(string source) => _source = source;

    /// <summary>Reads an expression, or says where (counted from 0) and why it cannot.</summary>
    public static ShapeExpression? Parse(string source, out int position, out string problem)
    {
        var parser = new ShapeExpressionParser(source);
        try
        {
            Polynomial value = parser.Sum();
            parser.SkipSpace();
            if (parser._position < source.Length)
            {
                throw parser.Expected("an operator or the end");
            }

            (position, problem) = (0, string.Empty);
            return new ShapeExpression(
                parser._text.ToString(), parser._code.ToString(), parser._symbols.ToImmutable(), parser._divides ? null : value);
        }
        catch (FormatException e)
        {
            (position, problem) = (parser._position, e.Message);
            return null;
        }
    }

    /// <summary>The local variable that stands for a symbol in generated code.</summary>
    public static string Local(string symbol)
    {
        string name = char.ToLowerInvariant(symbol[0]) + symbol.Substring(1);
        bool taken = name is "e" or "binder" or "prefix" or "config"
            || Microsoft.CodeAnalysis.CSharp.SyntaxFacts.GetKeywordKind(name) != Microsoft.CodeAnalysis.CSharp.SyntaxKind.None;
        return taken ? name + "Value" : name;
    }

    private Polynomial Sum()
    {
        Polynomial value = Product();
        while (TakeOperator("+-") is char sign)
        {
            value = value.Plus(Product(), sign == '+' ? 1 : -1);
        }

        return value;
    }

    private Polynomial Product()
    {
        Polynomial value = Factor();
        while (TakeOperator("*/") is char sign)
        {
            _divides |= sign == '/';
            value = value.Times(Factor());
        }

        return value;
    }

    private Polynomial Factor()
    {
        SkipSpace();
        char next = _position < _source.Length ? _source[_position] : '\0';
        if (next == '(')
        {
            Write(_source.Substring(_position++, 1));
            Polynomial value = Sum();
            SkipSpace();
            if (_position >= _source.Length || _source[_position] != ')')
            {
                throw Expected("')'");
            }

            Write(_source.Substring(_position++, 1));
            return value;
        }

        int start = _position;
        if (next is >= '0' and <= '9')
        {
            string digits = TakeWhile(c => c is >= '0' and <= '9');
            if (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            {
                _position = start;
                throw new FormatException($"{digits} is too large an integer");
            }

            Write(digits);
            return Polynomial.Constant(number);
        }

        if (!char.IsLetter(next))
        {
            throw Expected("a symbol, an integer or '('");
        }

        string symbol = TakeWhile(char.IsLetterOrDigit);
        _symbols.Add((symbol, start));
        _text.Append(symbol);
        _code.Append(Local(symbol));
        return Polynomial.Symbol(symbol);
    }

    private char? TakeOperator(string operators)
    {
        SkipSpace();
        if (_position >= _source.Length || operators.IndexOf(_source[_position]) < 0)
        {
            return null;
        }

        char taken = _source[_position++];
        Write($" {taken} ");
        return taken;
    }

    private string TakeWhile(Func<char, bool> belongs)
    {
        int start = _position;
        while (_position < _source.Length && belongs(_source[_position]))
        {
            _position++;
        }

        return _source.Substring(start, _position - start);
    }

    private void SkipSpace() => TakeWhile(c => c == ' ');

    private void Write(string both)
    {
        _text.Append(both);
        _code.Append(both);
    }

    private FormatException Expected(string what) => new(
        _position < _source.Length ? $"expected {what}, found '{_source[_position]}'" : $"expected {what}, found the end");
}
