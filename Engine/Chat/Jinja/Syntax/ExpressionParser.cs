using System.Globalization;
using System.Numerics;
using System.Text;
using Lean.Engine.Chat.Jinja.Expressions;
using Lean.Engine.Chat.Jinja.Filters;
using Lean.Engine.Chat.Jinja.Tests;

namespace Lean.Engine.Chat.Jinja.Syntax;

/// <summary>Reads expressions, by Jinja's grammar and precedence.</summary>
internal sealed class ExpressionParser(TokenStream stream, Names names)
{
    private const int MostDigits = 4300;

    private readonly List<(int Line, string Message)> _unknown = [];

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
        stream.Enter();
        Expression value = conditional ? Conditional() : Or();
        stream.Leave();
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
            if (!stream.Current.Is(","))
            {
                break;
            }

            tuple = true;
            stream.Next();
        }

        if (!tuple && items.Count == 1)
        {
            return items[0];
        }

        return items.Count > 0 || explicitParentheses
            ? new TupleLiteral([.. items])
            : throw Fault.Syntax($"Expected an expression, got '{stream.Current.Describe()}'");
    }

    /// <summary>The filters of a filter or set block.</summary>
    public FilterApplication? ParseFilters()
    {
        FilterApplication? filter = null;
        do
        {
            filter = Filter(filter);
        }
        while (stream.Skip("|"));
        return filter;
    }

    /// <summary>Arguments in parentheses.</summary>
    public ArgumentList ParseArguments()
    {
        List<Expression> positional = [];
        List<KeyValuePair<string, Expression>> named = [];
        Expression? more = null, moreNamed = null;
        stream.Expect("(");
        for (bool first = true; !stream.Current.Is(")"); first = false)
        {
            if (!first)
            {
                stream.Expect(",");
                if (stream.Current.Is(")"))
                {
                    break;
                }
            }

            if (stream.Current.Is("*") && more is null && moreNamed is null)
            {
                stream.Next();
                more = Parse();
            }
            else if (stream.Current.Is("**") && moreNamed is null)
            {
                stream.Next();
                moreNamed = Parse();
            }
            else if (stream.Current.Kind == TokenKind.Name && stream.Ahead.Is("=") && moreNamed is null)
            {
                string name = stream.Next().Text;
                stream.Next();
                named.Add(new(name, Parse()));
            }
            else if (named.Count == 0 && more is null && moreNamed is null)
            {
                positional.Add(Parse());
            }
            else
            {
                throw Fault.Syntax("invalid syntax for function call expression");
            }
        }

        stream.Expect(")");
        return new ArgumentList([.. positional], [.. named], more, moreNamed);
    }

    private bool EndsTuple(string? end) =>
        stream.Current.Kind is TokenKind.VariableEnd or TokenKind.BlockEnd or TokenKind.End || stream.Current.Is(")") || (end is not null && stream.Current.IsName(end));

    private Expression Conditional()
    {
        int unknown = _unknown.Count;
        Expression value = Or();
        while (stream.Current.IsName("if"))
        {
            int line = stream.Next().Line;
            Expression test = Or();
            Expression? otherwise = stream.SkipName("else") ? Parse() : null;
            value = new Conditional(test, value, otherwise, line);
            _unknown.RemoveRange(unknown, _unknown.Count - unknown);
        }

        return value;
    }

    private Expression Or()
    {
        Expression left = And();
        while (stream.SkipName("or"))
        {
            left = new Logical(and: false, left, And());
        }

        return left;
    }

    private Expression And()
    {
        Expression left = Negation();
        while (stream.SkipName("and"))
        {
            left = new Logical(and: true, left, Negation());
        }

        return left;
    }

    private Expression Negation()
    {
        int count = 0;
        while (stream.SkipName("not"))
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
            if (stream.Current.Kind == TokenKind.Operator && stream.Current.Text is "==" or "!=" or "<" or "<=" or ">" or ">=")
            {
                rest.Add((stream.Next().Text, Sum()));
            }
            else if (stream.SkipName("in"))
            {
                rest.Add(("in", Sum()));
            }
            else if (stream.Current.IsName("not") && stream.Ahead.IsName("in"))
            {
                stream.Next();
                stream.Next();
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
        while (stream.Current.Is("+") || stream.Current.Is("-"))
        {
            left = new Binary(stream.Next().Text, left, Concatenated());
        }

        return left;
    }

    private Expression Concatenated()
    {
        List<Expression> parts = [Product()];
        while (stream.Skip("~"))
        {
            parts.Add(Product());
        }

        return parts.Count == 1 ? parts[0] : new Concat([.. parts]);
    }

    private Expression Product()
    {
        Expression left = Power();
        while (stream.Current.Kind == TokenKind.Operator && stream.Current.Text is "*" or "/" or "//" or "%")
        {
            left = new Binary(stream.Next().Text, left, Power());
        }

        return left;
    }

    private Expression Power()
    {
        Expression left = Unary(filters: true);
        while (stream.Skip("**"))
        {
            left = new Binary("**", left, Unary(filters: true));
        }

        return left;
    }

    private Expression Unary(bool filters)
    {
        stream.Enter();
        Expression value;
        if (stream.Current.Is("-") || stream.Current.Is("+"))
        {
            bool minus = stream.Next().Text == "-";
            value = new Sign(minus, Unary(filters: false));
        }
        else
        {
            value = Postfix(Primary());
        }

        value = filters ? Filtered(value) : value;
        stream.Leave();
        return value;
    }

    private Expression Primary()
    {
        Token token = stream.Current;
        switch (token.Kind)
        {
            case TokenKind.Name:
                return Name(stream.Next().Text);
            case TokenKind.String:
                var text = new StringBuilder();
                while (stream.Current.Kind == TokenKind.String)
                {
                    text.Append(stream.Next().Text);
                }

                return new Constant(text.ToString());
            case TokenKind.Integer:
                return new Constant(Integer(stream.Next().Text));
            case TokenKind.Float:
                return new Constant(double.Parse(stream.Next().Text, CultureInfo.InvariantCulture));
            case TokenKind.Operator when token.Text == "(":
                stream.Next();
                Expression value = ParseTuple(explicitParentheses: true);
                stream.Expect(")");
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
                return new Variable(name, names.Add(name));
        }
    }

    private static object Integer(string text)
    {
        if (text.Length > MostDigits)
        {
            throw Fault.Limit("the template holds a whole number of more than 4,300 digits");
        }

        int radix = text.Length < 2 || text[0] != '0' ? 10 : text[1] switch { 'x' or 'X' => 16, 'o' or 'O' => 8, 'b' or 'B' => 2, _ => 10 };
        return radix == 10 ? BigInteger.Parse(text, CultureInfo.InvariantCulture) : Numerals.Parse(text[2..], radix) ?? BigInteger.Zero;
    }

    private ListLiteral List()
    {
        List<Expression> items = [];
        stream.Expect("[");
        while (!stream.Current.Is("]"))
        {
            if (items.Count > 0)
            {
                stream.Expect(",");
            }

            if (!stream.Current.Is("]"))
            {
                items.Add(Parse());
            }
        }

        stream.Expect("]");
        return new ListLiteral([.. items]);
    }

    private DictLiteral Dict()
    {
        List<KeyValuePair<Expression, Expression>> pairs = [];
        stream.Expect("{");
        while (!stream.Current.Is("}"))
        {
            if (pairs.Count > 0)
            {
                stream.Expect(",");
            }

            if (!stream.Current.Is("}"))
            {
                Expression key = Parse();
                stream.Expect(":");
                pairs.Add(new(key, Parse()));
            }
        }

        stream.Expect("}");
        return new DictLiteral([.. pairs]);
    }

    private Expression Postfix(Expression value)
    {
        while (true)
        {
            if (stream.Current.Is(".") || stream.Current.Is("["))
            {
                value = Subscript(value);
            }
            else if (stream.Current.Is("("))
            {
                value = new Call(value, ParseArguments());
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
            if (stream.Skip("|"))
            {
                value = Filter(value);
            }
            else if (stream.Current.IsName("is"))
            {
                value = Tested(value);
            }
            else if (stream.Current.Is("("))
            {
                value = new Call(value, ParseArguments());
            }
            else
            {
                return value;
            }
        }
    }

    private Expression Subscript(Expression value)
    {
        if (stream.Skip("."))
        {
            Token token = stream.Next();
            return token.Kind switch
            {
                TokenKind.Name => new AttributeAccess(value, token.Text),
                TokenKind.Integer => new ItemAccess(value, new Constant(Integer(token.Text))),
                _ => throw Fault.Syntax("expected name or number"),
            };
        }

        stream.Expect("[");
        List<Expression> keys = [];
        Expression? slice = null;
        while (!stream.Current.Is("]") || keys.Count > 0)
        {
            slice = Slice(value, keys);
            if (slice is not null && (keys.Count > 0 || stream.Current.Is(",")))
            {
                throw Fault.Type("a slice is no part of a key");
            }

            if (!stream.Skip(","))
            {
                break;
            }
        }

        stream.Expect("]");
        return slice ?? new ItemAccess(value, keys.Count == 1 ? keys[0] : new TupleLiteral([.. keys]));
    }

    // A slice, or null with the key of an element.
    private SliceAccess? Slice(Expression value, List<Expression> keys)
    {
        Expression? start = null, stop = null, step = null;
        if (!stream.Current.Is(":"))
        {
            Expression key = Parse();
            if (!stream.Current.Is(":"))
            {
                keys.Add(key);
                return null;
            }

            start = key;
        }

        stream.Expect(":");
        if (!stream.Current.Is(":") && !stream.Current.Is("]") && !stream.Current.Is(","))
        {
            stop = Parse();
        }

        if (stream.Skip(":") && !stream.Current.Is("]") && !stream.Current.Is(","))
        {
            step = Parse();
        }

        return new SliceAccess(value, start, stop, step);
    }

    private FilterApplication Filter(Expression? value)
    {
        int line = stream.Line;
        string name = DottedName();
        ArgumentList arguments = stream.Current.Is("(") ? ParseArguments() : ArgumentList.None;
        if (!IsLenient && FilterTable.Find(name) is null)
        {
            _unknown.Add((line, $"No filter named {Formatting.Quoting.Quote(name)}."));
        }

        return new FilterApplication(value, name, arguments);
    }

    private Expression Tested(Expression value)
    {
        stream.Next();
        bool negated = stream.SkipName("not");
        string name = DottedName();
        ArgumentList arguments = ArgumentList.None;
        Token next = stream.Current;
        if (next.Is("("))
        {
            arguments = ParseArguments();
        }
        else if (next.Kind is TokenKind.Name or TokenKind.String or TokenKind.Integer or TokenKind.Float || next.Is("[") || next.Is("{"))
        {
            if (next.IsName("is"))
            {
                throw Fault.Syntax("You cannot chain multiple tests with is");
            }

            if (!(next.IsName("else") || next.IsName("or") || next.IsName("and")))
            {
                stream.Enter();
                arguments = new ArgumentList([Postfix(Primary())], [], null, null);
                stream.Leave();
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
        string name = stream.Expect(TokenKind.Name).Text;
        while (stream.Skip("."))
        {
            name += "." + stream.Expect(TokenKind.Name).Text;
        }

        return name;
    }
}
