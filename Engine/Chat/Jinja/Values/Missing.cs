namespace Lean.Engine.Chat.Jinja.Values;

/// <summary>The absence of a value, where None is one: an unset variable, an argument not given. No template sees it.</summary>
internal sealed class Missing
{
    private Missing()
    {
    }

    public static Missing Value { get; } = new();

    public static bool Is(object? value) => ReferenceEquals(value, Value);
}
