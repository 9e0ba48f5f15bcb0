using System.Globalization;
using System.Text;

namespace Lean.Engine.Chat.Jinja.Formatting;

/// <summary>Times as C's strftime writes them, in English.</summary>
internal static class StrfTime
{
    /// <summary>A time by a format such as %d %b %Y.</summary>
    public static string Format(DateTimeOffset time, string format)
    {
        var output = new StringBuilder();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                output.Append(format[i]);
                continue;
            }

            char flag = format[i + 1];
            bool flagged = flag is '-' or '_' && i + 2 < format.Length;
            char code = format[i += flagged ? 2 : 1];
            string text = Directive(time, code) ?? $"%{code}";
            output.Append(!flagged ? text : flag == '-' ? Trim(text) : Trim(text).PadLeft(text.Length));
        }

        return output.ToString();
    }

    private static string Trim(string text) => text.TrimStart('0', ' ') is { Length: > 0 } rest ? rest : "0";

    private static string? Directive(DateTimeOffset time, char code) => code switch
    {
        'Y' => $"{time.Year}",
        'C' => $"{time.Year / 100:00}",
        'y' => $"{time.Year % 100:00}",
        'm' => $"{time.Month:00}",
        'd' => $"{time.Day:00}",
        'e' => $"{time.Day,2}",
        'H' => $"{time.Hour:00}",
        'k' => $"{time.Hour,2}",
        'I' => $"{((time.Hour + 11) % 12) + 1:00}",
        'l' => $"{((time.Hour + 11) % 12) + 1,2}",
        'M' => $"{time.Minute:00}",
        'S' => $"{time.Second:00}",
        'f' => $"{time.Ticks % TimeSpan.TicksPerSecond / TimeSpan.TicksPerMicrosecond:000000}",
        'p' => time.Hour < 12 ? "AM" : "PM",
        'P' => time.Hour < 12 ? "am" : "pm",
        'j' => $"{time.DayOfYear:000}",
        'A' => Name(time, "dddd"),
        'a' => Name(time, "ddd"),
        'B' => Name(time, "MMMM"),
        'b' or 'h' => Name(time, "MMM"),
        'u' => $"{(((int)time.DayOfWeek + 6) % 7) + 1}",
        'w' => $"{(int)time.DayOfWeek}",
        'U' => $"{(time.DayOfYear + 6 - (int)time.DayOfWeek) / 7:00}",
        'W' => $"{(time.DayOfYear + 6 - (((int)time.DayOfWeek + 6) % 7)) / 7:00}",
        'V' => $"{ISOWeek.GetWeekOfYear(time.DateTime):00}",
        'G' => $"{ISOWeek.GetYear(time.DateTime)}",
        's' => $"{time.ToUnixTimeSeconds()}",
        'D' or 'x' => $"{time.Month:00}/{time.Day:00}/{time.Year % 100:00}",
        'F' => $"{time.Year}-{time.Month:00}-{time.Day:00}",
        'T' or 'X' => $"{time.Hour:00}:{time.Minute:00}:{time.Second:00}",
        'R' => $"{time.Hour:00}:{time.Minute:00}",
        'r' => $"{((time.Hour + 11) % 12) + 1:00}:{time.Minute:00}:{time.Second:00} {(time.Hour < 12 ? "AM" : "PM")}",
        'c' => $"{Name(time, "ddd")} {Name(time, "MMM")} {time.Day,2} {time.Hour:00}:{time.Minute:00}:{time.Second:00} {time.Year}",

        // Without a time zone, as in datetime.now().
        'z' or 'Z' => "",
        'n' => "\n",
        't' => "\t",
        '%' => "%",
        _ => null,
    };

    private static string Name(DateTimeOffset time, string format) => time.ToString(format, CultureInfo.InvariantCulture);
}
