using Lean.Engine.Chat.Jinja.Expressions;

namespace Lean.Engine.Chat.Jinja.Syntax;

/// <summary>Reads what stands behind a value to get at its parts: .name, [key], [start:stop:step].</summary>
internal sealed class SubscriptParser(TokenStream stream, ExpressionParser expressions)
{
    /// <summary>One attribute, element or slice of a value.</summary>
    public Expression Parse(Expression value)
    {
        if (stream.Skip("."))
        {
            Token token = stream.Next();
            return token.Kind switch
            {
                TokenKind.Name => new AttributeAccess(value, token.Text),
                TokenKind.Integer => new ItemAccess(value, new Constant(Numerals.Literal(token.Text))),
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
            Expression key = expressions.Parse();
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
            stop = expressions.Parse();
        }

        if (stream.Skip(":") && !stream.Current.Is("]") && !stream.Current.Is(","))
        {
            step = expressions.Parse();
        }

        return new SliceAccess(value, start, stop, step);
    }
}
