namespace Lean.Engine.Chat.Jinja;

/// <summary>What a call was given.</summary>
/// <param name="Positional">Values by place.</param>
/// <param name="Named">Values by name; no name twice.</param>
internal readonly record struct Arguments(object?[] Positional, KeyValuePair<string, object?>[] Named)
{
    public static Arguments None { get; } = new([], []);

    public static Arguments Of(params object?[] positional) => new(positional, []);

    /// <summary>These with a value put first.</summary>
    public Arguments Prepend(object? first) => this with { Positional = [first, .. Positional] };

    /// <summary>These without the first few by place.</summary>
    public Arguments Skip(int count) => this with { Positional = Positional[int.Min(count, Positional.Length)..] };

    /// <summary>The value of a name.</summary>
    public bool TryNamed(string name, out object? value)
    {
        foreach (KeyValuePair<string, object?> pair in Named)
        {
            if (pair.Key == name)
            {
                value = pair.Value;
                return true;
            }
        }

        value = null;
        return false;
    }
}
