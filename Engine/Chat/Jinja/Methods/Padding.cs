using System.Numerics;
using Lean.Engine.Chat.Jinja.Formatting;
using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Methods;

/// <summary>Bringing strings to a width.</summary>
internal static class Padding
{
    /// <summary>A whole number that an argument is, cut to 64 bits.</summary>
    /// <exception cref="Lean.Tensors.InputException">It is none.</exception>
    public static long Number(object? argument) => Types.TryInteger(argument, out BigInteger number)
        ? (long)BigInteger.Clamp(number, long.MinValue, long.MaxValue)
        : throw Fault.Type($"'{Types.Name(argument)}' object cannot be interpreted as an integer");

    /// <summary>ljust, rjust and center.</summary>
    public static object Pad(Rendering run, string self, object?[] arguments, char align)
    {
        string fill = " ";
        if (!Missing.Is(arguments[1]))
        {
            fill = StringMethods.Text(arguments[1], "The fill character must be a unicode character");
            if (Texts.Length(fill) != 1)
            {
                throw Fault.Type("The fill character must be exactly one character long");
            }
        }

        return Pad(run, self, Number(arguments[0]), fill, align);
    }

    /// <summary>A text with something beside it.</summary>
    public static string Pad(Rendering run, string text, long width, string fill, char align)
    {
        long room = width - Texts.Length(text);
        if (room <= 0)
        {
            return text;
        }

        Rendering.Room(width * fill.Length);
        long left = align switch
        {
            '<' => 0,
            '>' => room,

            // Where the room is odd, the larger half goes left for odd widths, as in Python.
            _ => (room / 2) + (room & width & 1),
        };
        var output = new TextBuilder(run);
        Repeat(output, fill, left);
        Repeat(output.Append(text), fill, room - left);
        return output.ToString();
    }

    /// <summary>zfill.</summary>
    public static object Zeros(string self, object? width)
    {
        long room = Number(width) - Texts.Length(self);
        if (room <= 0)
        {
            return self;
        }

        Rendering.Room(room + self.Length);
        int sign = self.Length > 0 && self[0] is '-' or '+' ? 1 : 0;
        return self[..sign] + new string('0', (int)room) + self[sign..];
    }

    /// <summary>expandtabs.</summary>
    public static object Tabs(Rendering run, string self, object? size)
    {
        long width = Missing.Is(size) ? 8 : Number(size);
        var output = new TextBuilder(run);
        long column = 0;
        foreach (object? item in Texts.Characters(self))
        {
            var character = (string)item!;
            if (character == "\t")
            {
                long room = width > 0 ? width - (column % width) : 0;
                Rendering.Room(room);
                Repeat(output, " ", room);
                column += room;
            }
            else
            {
                output.Append(character);
                column = character is "\n" or "\r" ? 0 : column + 1;
            }
        }

        return output.ToString();
    }

    private static void Repeat(TextBuilder output, string fill, long count)
    {
        if (fill.Length == 1)
        {
            output.Append(fill[0], (int)count);
            return;
        }

        for (long i = 0; i < count; i++)
        {
            output.Append(fill);
        }
    }
}
