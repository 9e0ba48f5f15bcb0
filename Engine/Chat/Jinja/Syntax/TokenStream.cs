using Lean.Tensors;

namespace Lean.Engine.Chat.Jinja.Syntax;

/// <summary>A template's tokens, one after the other, and the counting of what lies inside what.</summary>
internal sealed class TokenStream(List<Token> tokens)
{
    private int _place;
    private int _depth;

    /// <summary>The token to be read next.</summary>
    public Token Current => tokens[_place];

    /// <summary>The one behind it.</summary>
    public Token Ahead => tokens[int.Min(_place + 1, tokens.Count - 1)];

    /// <summary>The line to name in an error.</summary>
    public int Line => Current.Line;

    /// <summary>Takes a token.</summary>
    public Token Next()
    {
        Token token = Current;
        _place = int.Min(_place + 1, tokens.Count - 1);
        return token;
    }

    /// <summary>Takes an operator if it is next.</summary>
    public bool Skip(string symbol)
    {
        bool found = Current.Is(symbol);
        if (found)
        {
            Next();
        }

        return found;
    }

    /// <summary>Takes a word if it is next.</summary>
    public bool SkipName(string name)
    {
        bool found = Current.IsName(name);
        if (found)
        {
            Next();
        }

        return found;
    }

    /// <summary>Takes an operator, which has to be next.</summary>
    public void Expect(string symbol)
    {
        if (!Skip(symbol))
        {
            throw Expected(symbol);
        }
    }

    /// <summary>Takes a token of a kind, which has to be next.</summary>
    public Token Expect(TokenKind kind)
    {
        if (Current.Kind != kind)
        {
            throw Expected(kind == TokenKind.Name ? "name" : new Token(kind, "", 0).Describe());
        }

        return Next();
    }

    /// <summary>The error for another token than the one expected.</summary>
    public InputException Expected(string expected) => Current.Kind == TokenKind.End
        ? Fault.Syntax($"unexpected end of template, expected '{expected}'.")
        : Fault.Syntax($"expected token '{expected}', got '{Current.Describe()}'");

    /// <summary>Goes one level deeper into what lies inside each other.</summary>
    /// <exception cref="InputException">That is too deep.</exception>
    public void Enter()
    {
        if (++_depth > Limits.ExpressionDepth)
        {
            throw Fault.Limit($"expressions lie too deep inside each other: expected at most {Limits.ExpressionDepth} levels");
        }
    }

    /// <summary>Comes back one level.</summary>
    public void Leave() => _depth--;
}
