using System.Globalization;
using System.Numerics;
using System.Text.Json;
using Lean.Engine.Chat.Jinja;
using Lean.Engine.Chat.Jinja.Values;
using Lean.Tensors;

namespace Lean.Engine.Chat;

/// <summary>JSON as the values of templates, as Python's json reads it.</summary>
internal static class JsonValues
{
    /// <summary>A JSON value.</summary>
    /// <param name="place">Where it comes from, for messages.</param>
    /// <param name="element">The value.</param>
    /// <exception cref="InputException">It nests too deep, or holds a string that is not valid Unicode.</exception>
    public static object? Read(string place, JsonElement element)
    {
        try
        {
            return Read(element);
        }
        catch (InvalidOperationException e)
        {
            throw new InputException($"{place}: holds a string that is not valid Unicode", e);
        }
        catch (InputException e)
        {
            throw new InputException($"{place}: {e.Message}", e);
        }
    }

    private static object? Read(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => new DictValue(element.EnumerateObject().Select(static p => new KeyValuePair<object?, object?>(p.Name, Read(p.Value)))),
        JsonValueKind.Array => new ListValue([.. element.EnumerateArray().Select(Read)]),
        JsonValueKind.String => element.GetString(),
        JsonValueKind.Number => Number(element.GetRawText()),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    };

    private static object Number(string text)
    {
        if (text.AsSpan().IndexOfAny('.', 'e', 'E') >= 0)
        {
            return double.Parse(text, CultureInfo.InvariantCulture);
        }

        const int MostDigits = 4300;
        return text.Length <= MostDigits
            ? BigInteger.Parse(text, CultureInfo.InvariantCulture)
            : throw Fault.Limit($"holds a whole number of {text.Length:N0} digits, expected at most {MostDigits:N0}");
    }
}
