namespace Lean.Engine.Chat.Jinja.Values;

/// <summary>What cycler() gives: goes round its values.</summary>
internal sealed class Cycler(object?[] values)
{
    private int _place;

    public object? Current => values[_place];

    public object? Next()
    {
        object? value = values[_place];
        _place = (_place + 1) % values.Length;
        return value;
    }

    public void Reset() => _place = 0;
}
