using System.Globalization;
using System.Text;
using Lean.Engine.Chat.Jinja.Expressions;
using Lean.Engine.Chat.Jinja.Filters;
using Lean.Engine.Chat.Jinja.Tests;

namespace Lean.Engine.Chat.Jinja.Syntax;

/// <summary>Reads expressions, by Jinja's grammar and precedence.</summary>
internal sealed class ExpressionParser
{
    private readonly TokenStream _stream;
    private readonly Names _names;
    private readonly ArgumentParser _arguments;
    private readonly SubscriptParser _subscripts;
    private readonly List<(int Line, string Message)> _unknown = [];

    /// <param name="stream">The template.</param>
    /// <param name="names">Gets the variables that expressions name.</param>
    public ExpressionParser(TokenStream stream, Names names)
    {
        (_stream, _names) = (stream, names);
        _arguments = new ArgumentParser(stream, this);
        _subscripts = new SubscriptParser(stream, this);
    }

    /// <summary>
    /// Whether an unknown filter or test only fails where it is used: inside ifs, so that a template may ask for one that
    /// not everybody has.
    /// </summary>
    public bool IsLenient { get; set; }

    /// <summary>Filters and tests that there are not, outside of conditions.</summary>
    public IReadOnlyList<(int Line, string Message)> Unknown => _unknown;

    /// <summary>Called with every name that an expression reads.</summary>
    public Action<string>? NameRead { get; set; }

    /// <summary>An expression.</summary>
    public Expression Parse(bool conditional = true)
    {
        _stream.Enter();
        Expression value = conditional ? Conditional() : Or();
        _stream.Leave();
        return value;
    }

    /// <summary>An expression, or several with commas between them as a tuple.</summary>
    /// <param name="conditional">Whether a if b else c may stand here.</param>
    /// <param name="end">A word that ends it.</param>
    /// <param name="explicitParentheses">Whether nothing at all is a tuple, too.</param>
    public Expression ParseTuple(bool conditional = true, string? end = null, bool explicitParentheses = false)
    {
        List<Expression> items = [];
        bool tuple = false;
        while (!EndsTuple(end))
        {
            items.Add(Parse(conditional));
            if (!_stream.Current.Is(","))
            {
                break;
            }

            tuple = true;
            _stream.Next();
        }

        if (!tuple && items.Count == 1)
        {
            return items[0];
        }

        return items.Count > 0 || explicitParentheses
            ? new TupleLiteral([.. items])
            : throw Fault.Syntax($"Expected an expression, got '{_stream.Current.Describe()}'");
    }

    /// <summary>The filters of a filter or set block.</summary>
    public FilterApplication? ParseFilters()
    {
        FilterApplication? filter = null;
        do
        {
            filter = Filter(filter);
        }
        while (_stream.Skip("|"));
        return filter;
    }

    private bool EndsTuple(string? end) =>
        _stream.Current.Kind is TokenKind.VariableEnd or TokenKind.BlockEnd or TokenKind.End || _stream.Current.Is(")") || (end is not null && _stream.Current.IsName(end));

    private Expression Conditional()
    {
        int unknown = _unknown.Count;
        Expression value = Or();
        while (_stream.Current.IsName("if"))
        {
            int line = _stream.Next().Line;
            Expression test = Or();
            Expression? otherwise = _stream.SkipName("else") ? Parse() : null;
            value = new Conditional(test, value, otherwise, line);
            _unknown.RemoveRange(unknown, _unknown.Count - unknown);
        }

        return value;
    }

    private Expression Or()
    {
        Expression left = And();
        while (_stream.SkipName("or"))
        {
            left = new Logical(and: false, left, And());
        }

        return left;
    }

    private Expression And()
    {
        Expression left = Negation();
        while (_stream.SkipName("and"))
        {
            left = new Logical(and: true, left, Negation());
        }

        return left;
    }

    private Expression Negation()
    {
        int count = 0;
        while (_stream.SkipName("not"))
        {
            count++;
        }

        Expression value = Compared();
        for (; count > 0; count--)
        {
            value = new Not(value);
        }

        return value;
    }

    private Expression Compared()
    {
        Expression first = Sum();
        List<(string, Expression)> rest = [];
        while (true)
        {
            if (_stream.Current.Kind == TokenKind.Operator && _stream.Current.Text is "==" or "!=" or "<" or "<=" or ">" or ">=")
            {
                rest.Add((_stream.Next().Text, Sum()));
            }
            else if (_stream.SkipName("in"))
            {
                rest.Add(("in", Sum()));
            }
            else if (_stream.Current.IsName("not") && _stream.Ahead.IsName("in"))
            {
                _stream.Next();
                _stream.Next();
                rest.Add(("not in", Sum()));
            }
            else
            {
                return rest.Count == 0 ? first : new Comparisons(first, [.. rest]);
            }
        }
    }

    private Expression Sum()
    {
        Expression left = Concatenated();
        while (_stream.Current.Is("+") || _stream.Current.Is("-"))
        {
            left = new Binary(_stream.Next().Text, left, Concatenated());
        }

        return left;
    }

    private Expression Concatenated()
    {
        List<Expression> parts = [Product()];
        while (_stream.Skip("~"))
        {
            parts.Add(Product());
        }

        return parts.Count == 1 ? parts[0] : new Concat([.. parts]);
    }

    private Expression Product()
    {
        Expression left = Power();
        while (_stream.Current.Kind == TokenKind.Operator && _stream.Current.Text is "*" or "/" or "//" or "%")
        {
            left = new Binary(_stream.Next().Text, left, Power());
        }

        return left;
    }

    private Expression Power()
    {
        Expression left = Unary(filters: true);
        while (_stream.Skip("**"))
        {
            left = new Binary("**", left, Unary(filters: true));
        }

        return left;
    }

    private Expression Unary(bool filters)
    {
        _stream.Enter();
        Expression value;
        if (_stream.Current.Is("-") || _stream.Current.Is("+"))
        {
            bool minus = _stream.Next().Text == "-";
            value = new Sign(minus, Unary(filters: false));
        }
        else
        {
            value = Postfix(Primary());
        }

        value = filters ? Filtered(value) : value;
        _stream.Leave();
        return value;
    }

    private Expression Primary()
    {
        Token token = _stream.Current;
        switch (token.Kind)
        {
            case TokenKind.Name:
                return Name(_stream.Next().Text);
            case TokenKind.String:
                var text = new StringBuilder();
                while (_stream.Current.Kind == TokenKind.String)
                {
                    text.Append(_stream.Next().Text);
                }

                return new Constant(text.ToString());
            case TokenKind.Integer:
                return new Constant(Numerals.Literal(_stream.Next().Text));
            case TokenKind.Float:
                return new Constant(double.Parse(_stream.Next().Text, CultureInfo.InvariantCulture));
            case TokenKind.Operator when token.Text == "(":
                _stream.Next();
                Expression value = ParseTuple(explicitParentheses: true);
                _stream.Expect(")");
                return value;
            case TokenKind.Operator when token.Text == "[":
                return List();
            case TokenKind.Operator when token.Text == "{":
                return Dict();
            default:
                throw Fault.Syntax($"unexpected '{token.Describe()}'");
        }
    }

    private Expression Name(string name)
    {
        switch (name)
        {
            case "true" or "True":
                return new Constant(true);
            case "false" or "False":
                return new Constant(false);
            case "none" or "None":
                return new Constant(null);
            default:
                NameRead?.Invoke(name);
                return new Variable(name, _names.Add(name));
        }
    }

    private ListLiteral List()
    {
        List<Expression> items = [];
        _stream.Expect("[");
        while (!_stream.Current.Is("]"))
        {
            if (items.Count > 0)
            {
                _stream.Expect(",");
            }

            if (!_stream.Current.Is("]"))
            {
                items.Add(Parse());
            }
        }

        _stream.Expect("]");
        return new ListLiteral([.. items]);
    }

    private DictLiteral Dict()
    {
        List<KeyValuePair<Expression, Expression>> pairs = [];
        _stream.Expect("{");
        while (!_stream.Current.Is("}"))
        {
            if (pairs.Count > 0)
            {
                _stream.Expect(",");
            }

            if (!_stream.Current.Is("}"))
            {
                Expression key = Parse();
                _stream.Expect(":");
                pairs.Add(new(key, Parse()));
            }
        }

        _stream.Expect("}");
        return new DictLiteral([.. pairs]);
    }

    private Expression Postfix(Expression value)
    {
        while (true)
        {
            if (_stream.Current.Is(".") || _stream.Current.Is("["))
            {
                value = _subscripts.Parse(value);
            }
            else if (_stream.Current.Is("("))
            {
                value = new Call(value, _arguments.Parse());
            }
            else
            {
                return value;
            }
        }
    }

    private Expression Filtered(Expression value)
    {
        while (true)
        {
            if (_stream.Skip("|"))
            {
                value = Filter(value);
            }
            else if (_stream.Current.IsName("is"))
            {
                value = Tested(value);
            }
            else if (_stream.Current.Is("("))
            {
                value = new Call(value, _arguments.Parse());
            }
            else
            {
                return value;
            }
        }
    }

    private FilterApplication Filter(Expression? value)
    {
        int line = _stream.Line;
        string name = DottedName();
        ArgumentList arguments = _stream.Current.Is("(") ? _arguments.Parse() : ArgumentList.None;
        if (!IsLenient && FilterTable.Find(name) is null)
        {
            _unknown.Add((line, $"No filter named {Formatting.Quoting.Quote(name)}."));
        }

        return new FilterApplication(value, name, arguments);
    }

    private Expression Tested(Expression value)
    {
        _stream.Next();
        bool negated = _stream.SkipName("not");
        string name = DottedName();
        ArgumentList arguments = ArgumentList.None;
        Token next = _stream.Current;
        if (next.Is("("))
        {
            arguments = _arguments.Parse();
        }
        else if (next.Kind is TokenKind.Name or TokenKind.String or TokenKind.Integer or TokenKind.Float || next.Is("[") || next.Is("{"))
        {
            if (next.IsName("is"))
            {
                throw Fault.Syntax("You cannot chain multiple tests with is");
            }

            if (!(next.IsName("else") || next.IsName("or") || next.IsName("and")))
            {
                _stream.Enter();
                arguments = new ArgumentList([Postfix(Primary())], [], null, null);
                _stream.Leave();
            }
        }

        if (!IsLenient && TestTable.Find(name) is null)
        {
            _unknown.Add((next.Line, $"No test named {Formatting.Quoting.Quote(name)}."));
        }

        Expression test = new TestApplication(value, name, arguments);
        return negated ? new Not(test) : test;
    }

    private string DottedName()
    {
        string name = _stream.Expect(TokenKind.Name).Text;
        while (_stream.Skip("."))
        {
            name += "." + _stream.Expect(TokenKind.Name).Text;
        }

        return name;
    }
}
