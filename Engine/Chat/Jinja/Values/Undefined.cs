using Lean.Engine.Chat.Jinja.Formatting;
using Lean.Tensors;

namespace Lean.Engine.Chat.Jinja.Values;

/// <summary>What a name or an attribute that is not there gives: prints as nothing, is false, and fails when it is used.</summary>
internal sealed class Undefined
{
    private readonly object? _owner;
    private readonly object? _name;
    private readonly string? _hint;
    private readonly string _kind = "UndefinedError";

    private Undefined(object? owner, object? name, string? hint) => (_owner, _name, _hint) = (owner, name, hint);

    private Undefined(string kind, string hint) => (_kind, _hint) = (kind, hint);

    /// <summary>A variable that is not there.</summary>
    public static Undefined Variable(string name) => new(Missing.Value, name, null);

    /// <summary>An attribute or element that <paramref name="owner"/> has not.</summary>
    public static Undefined Of(object? owner, object? name) => new(owner, name, null);

    /// <summary>An element that <paramref name="owner"/> has not, under a key that takes some printing.</summary>
    public static Undefined Element(object? owner, string key) => Because($"{Types.Describe(owner)} has no element {key}");

    /// <summary>Something that is not there for a reason of its own.</summary>
    public static Undefined Because(string hint) => new(Missing.Value, null, hint);

    /// <summary>An attribute that the sandbox keeps from templates.</summary>
    public static Undefined Unsafe(object? owner, string name) =>
        new("SecurityError", $"access to attribute {Quoting.Quote(name)} of '{Types.Name(owner)}' object is unsafe.");

    /// <summary>The error of using it.</summary>
    public InputException Error() => Fault.Of(_kind, Message());

    private string Message()
    {
        if (_hint is not null)
        {
            return _hint;
        }

        string name = Printing.Short(_name);
        return Missing.Is(_owner) ? $"{name} is undefined"
            : _name is string or Markup ? $"'{Types.Describe(_owner)}' has no attribute {name}"
            : $"{Types.Describe(_owner)} has no element {name}";
    }
}
