using Lean.Engine.Chat.Jinja.Expressions;

namespace Lean.Engine.Chat.Jinja.Syntax;

/// <summary>Reads the arguments of calls, filters and tests.</summary>
internal sealed class ArgumentParser(TokenStream stream, ExpressionParser expressions)
{
    /// <summary>Arguments in parentheses.</summary>
    public ArgumentList Parse()
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
                more = expressions.Parse();
            }
            else if (stream.Current.Is("**") && moreNamed is null)
            {
                stream.Next();
                moreNamed = expressions.Parse();
            }
            else if (stream.Current.Kind == TokenKind.Name && stream.Ahead.Is("=") && moreNamed is null)
            {
                string name = stream.Next().Text;
                stream.Next();
                named.Add(new(name, expressions.Parse()));
            }
            else if (named.Count == 0 && more is null && moreNamed is null)
            {
                positional.Add(expressions.Parse());
            }
            else
            {
                throw Fault.Syntax("invalid syntax for function call expression");
            }
        }

        stream.Expect(")");
        return new ArgumentList([.. positional], [.. named], more, moreNamed);
    }
}
