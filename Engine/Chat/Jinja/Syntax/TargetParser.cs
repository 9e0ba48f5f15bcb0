using Lean.Engine.Chat.Jinja.Statements;

namespace Lean.Engine.Chat.Jinja.Syntax;

/// <summary>Reads what values are assigned to.</summary>
internal sealed class TargetParser(TokenStream stream, Names names)
{
    /// <summary>Whether the name loop is taken: inside a for statement.</summary>
    public bool IsInLoop { get; set; }

    /// <summary>A name, several with commas between them, or an attribute of a namespace.</summary>
    /// <param name="tuples">Whether there may be several.</param>
    /// <param name="attributes">Whether it may be an attribute.</param>
    /// <param name="end">A word that ends it.</param>
    public Target Parse(bool tuples, bool attributes, string? end)
    {
        List<Target> targets = [];
        bool tuple = false;
        while (!Ends(end))
        {
            targets.Add(One(attributes));
            if (!tuples || !stream.Current.Is(","))
            {
                break;
            }

            tuple = true;
            stream.Next();
        }

        return targets.Count == 0 ? throw Fault.Syntax($"Expected an expression, got '{stream.Current.Describe()}'")
            : tuple ? new TupleTarget([.. targets]) : targets[0];
    }

    /// <summary>A name that may be assigned to.</summary>
    public string ParseName()
    {
        string name = stream.Expect(TokenKind.Name).Text;
        return name is "true" or "True" or "false" or "False" or "none" or "None" ? throw Fault.Syntax("can't assign to 'const'") : name;
    }

    private bool Ends(string? end) =>
        stream.Current.Kind == TokenKind.BlockEnd || stream.Current.Is("=") || stream.Current.Is(")") || stream.Current.Is("]")
        || (end is not null && stream.Current.IsName(end));

    private Target One(bool attributes)
    {
        if (stream.Current.Is("(") || stream.Current.Is("["))
        {
            string close = stream.Next().Text == "(" ? ")" : "]";
            stream.Enter();
            Target inner = Parse(tuples: true, attributes, end: null);
            stream.Leave();
            stream.Expect(close);
            return inner;
        }

        if (stream.Current.Kind != TokenKind.Name)
        {
            throw Fault.Syntax(stream.Current.Kind is TokenKind.String or TokenKind.Integer or TokenKind.Float
                ? "can't assign to 'const'" : $"unexpected '{stream.Current.Describe()}'");
        }

        string name = ParseName();
        if (IsInLoop && name == "loop")
        {
            throw Fault.Of("TemplateAssertionError", "Can't assign to special loop variable in for-loop target");
        }

        return attributes && stream.Skip(".")
            ? new AttributeTarget(names.Add(name), stream.Expect(TokenKind.Name).Text)
            : new NameTarget(names.Add(name));
    }
}
