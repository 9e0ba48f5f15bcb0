using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Lean.Engine.Cli;

/// <summary>Prints JSON on one line of stdout, with text as people read it rather than escaped for web pages.</summary>
internal static class JsonLine
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Prints what <paramref name="write"/> writes.</summary>
    public static void Print(Action<Utf8JsonWriter> write)
    {
        using Stream output = Console.OpenStandardOutput();
        output.Write(Bytes(write));
        output.Flush();
    }

    /// <summary>What <paramref name="write"/> writes, and the end of its line.</summary>
    public static ReadOnlySpan<byte> Bytes(Action<Utf8JsonWriter> write)
    {
        var line = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(line, Options))
        {
            write(json);
        }

        line.Write("\n"u8);
        return line.WrittenSpan;
    }

    /// <summary>Writes a list of numbers under a name.</summary>
    public static void Numbers(this Utf8JsonWriter json, string name, ReadOnlySpan<int> values)
    {
        json.WritePropertyName(name);
        json.Numbers(values);
    }

    /// <summary>Writes a list of numbers.</summary>
    public static void Numbers(this Utf8JsonWriter json, ReadOnlySpan<int> values)
    {
        json.WriteStartArray();
        foreach (int value in values)
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
    }

    /// <summary>Writes a figure with as many decimals as it is worth, or null where there is none.</summary>
    public static void Figure(this Utf8JsonWriter json, string name, double value, int decimals)
    {
        if (double.IsFinite(value))
        {
            json.WriteNumber(name, Math.Round(value, decimals));
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
