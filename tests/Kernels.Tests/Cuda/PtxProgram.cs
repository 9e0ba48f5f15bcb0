using System.Globalization;
using System.Text.RegularExpressions;

namespace Lean.Kernels.Tests;

/// <summary>The text of one kernel, cut into instructions.</summary>
internal sealed partial class PtxProgram
{
    private readonly Dictionary<string, int> _labels = [];
    private readonly Dictionary<string, int> _registers = [];
    private readonly Dictionary<string, int> _shared = [];
    private readonly List<(string Name, int Bytes)> _parameters = [];

    public PtxProgram(string text)
    {
        var drafts = new List<(string Statement, int Line)>();
        int number = 0;
        foreach (string line in text.Split('\n').Select(l => l.Trim()))
        {
            number++;
            if (Parameter().Match(line) is { Success: true } parameter)
            {
                _parameters.Add((parameter.Groups[2].Value, parameter.Groups[3].Success ? int.Parse(parameter.Groups[3].ValueSpan) : int.Parse(parameter.Groups[1].ValueSpan) / 8));
            }
            else if (Threads().Match(line) is { Success: true } threads)
            {
                ThreadCount = int.Parse(threads.Groups[1].ValueSpan);
            }
            else if (SharedArray().Match(line) is { Success: true } array)
            {
                _shared.Add(array.Groups[1].Value, SharedBytes);
                SharedBytes += (int.Parse(array.Groups[2].ValueSpan) + 15) / 16 * 16;
            }
            else if (!line.StartsWith("//", StringComparison.Ordinal) && !Header().IsMatch(line))
            {
                Read(line, number, drafts);
            }
        }

        Code = [.. drafts.Select(d => Instruction(d.Statement, d.Line))];
    }

    /// <summary>Threads of a group.</summary>
    public int ThreadCount { get; }

    public IReadOnlyList<PtxInstruction> Code { get; }

    public IReadOnlyList<(string Name, int Bytes)> Parameters => _parameters;

    public int RegisterCount => _registers.Count;

    /// <summary>Of the arrays that the text declares.</summary>
    public int SharedBytes { get; }

    /// <summary>Where such an array begins, if the name is one's.</summary>
    public bool TryShared(string name, out int offset) => _shared.TryGetValue(name, out offset);

    /// <summary>Where a label stands.</summary>
    public int Label(string name) => _labels[name];

    // Names that a line declares in a scope of its own get the line's number.
    private void Read(string line, int number, List<(string, int)> drafts)
    {
        if (line.StartsWith('{') && line.Length > 1)
        {
            line = line[1..line.LastIndexOf('}')];
            foreach (string name in ScopedRegisters().Matches(line).SelectMany(m => m.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries))
                .Concat(ScopedLabel().Matches(line).Select(m => m.Groups[1].Value)))
            {
                line = Regex.Replace(line, $@"\b{name}\b(?!\.)", $"{name}__{number}");
            }
        }

        foreach (string part in line.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            string statement = part;
            while (LabelFront().Match(statement) is { Success: true } label)
            {
                _labels.Add(label.Groups[1].Value, drafts.Count);
                statement = statement[label.Length..].Trim();
            }

            if (statement.Length > 0 && !statement.StartsWith('.') && statement is not ("{" or "}" or "(" or ")"))
            {
                drafts.Add((statement, number));
            }
        }
    }

    private PtxInstruction Instruction(string statement, int line)
    {
        string? predicate = null;
        bool negated = false;
        if (statement.StartsWith('@'))
        {
            int end = statement.IndexOfAny([' ', '\t']);
            negated = statement[1] == '!';
            predicate = statement[(negated ? 2 : 1)..end];
            statement = statement[end..].Trim();
        }

        int cut = statement.IndexOfAny([' ', '\t']);
        string operation = cut < 0 ? statement : statement[..cut];
        PtxOperand[] operands = cut < 0 ? [] : [.. Split(statement[cut..]).Select(o => Operand(o, operation))];
        return new PtxInstruction(operation, operands, predicate is null ? -1 : Register(predicate), negated, line, statement);
    }

    private PtxOperand Operand(string text, string operation)
    {
        if (text[0] is '{' or '[')
        {
            return new PtxOperand(0, -1, 0, null, [.. Split(text[1..^1]).Select(o => Operand(o, operation))]);
        }

        if (text.StartsWith("0f", StringComparison.Ordinal))
        {
            return new PtxOperand(uint.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture), -1, 0, null, []);
        }

        if (text.StartsWith("0x", StringComparison.Ordinal))
        {
            return new PtxOperand(ulong.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture), -1, 0, null, []);
        }

        if (char.IsDigit(text[0]) || text[0] == '-')
        {
            return new PtxOperand(text[0] == '-' ? (ulong)long.Parse(text, CultureInfo.InvariantCulture) : ulong.Parse(text, CultureInfo.InvariantCulture), -1, 0, null, []);
        }

        // name+8, a parameter's address; or a register; or a name that the machine knows.
        string[] sum = text.Split('+');
        bool named = text.StartsWith('_') || operation.StartsWith("bra", StringComparison.Ordinal) || text.Contains('.', StringComparison.Ordinal) || text == "dynamic_shared";
        return new PtxOperand(0, named ? -1 : Register(text), sum.Length > 1 ? int.Parse(sum[1], CultureInfo.InvariantCulture) : 0, named ? sum[0] : null, []);
    }

    private int Register(string name)
    {
        if (!_registers.TryGetValue(name, out int index))
        {
            _registers.Add(name, index = _registers.Count);
        }

        return index;
    }

    private static IEnumerable<string> Split(string list)
    {
        int depth = 0, start = 0;
        for (int i = 0; i <= list.Length; i++)
        {
            if (i == list.Length || (list[i] == ',' && depth == 0))
            {
                yield return list[start..i].Trim();
                start = i + 1;
            }
            else
            {
                depth += list[i] is '{' or '[' ? 1 : list[i] is '}' or ']' ? -1 : 0;
            }
        }
    }

    [GeneratedRegex(@"^\.param (?:\.align \d+ )?\.[bf](\d+) (\w+)(?:\[(\d+)\])?")]
    private static partial Regex Parameter();

    [GeneratedRegex(@"^\.shared \.align \d+ \.b8 (\w+)\[(\d+)\]")]
    private static partial Regex SharedArray();

    [GeneratedRegex(@"^\.maxntid (\d+)")]
    private static partial Regex Threads();

    [GeneratedRegex(@"^\.(version|target|address_size|extern|visible|minnctapersm|reg)\b")]
    private static partial Regex Header();

    [GeneratedRegex(@"\.reg \.\w+ ([\w, ]+)")]
    private static partial Regex ScopedRegisters();

    [GeneratedRegex(@"\b([A-Z]+):(?!:)")]
    private static partial Regex ScopedLabel();

    [GeneratedRegex(@"^(\w+):(?!:)")]
    private static partial Regex LabelFront();
}

/// <summary>One instruction.</summary>
internal sealed record PtxInstruction(string Operation, PtxOperand[] Operands, int Predicate, bool Negated, int Line, string Text)
{
    /// <summary>The operation's words, which points separate.</summary>
    public string[] Words { get; } = Operation.Split('.');

    /// <summary>Who carries it out.</summary>
    public PtxActor Actor { get; } = ActorOf(Operation);

    /// <summary>Whether it reaches memory that other devices and the host use meanwhile.</summary>
    public bool IsSystem { get; } = Operation.Contains(".relaxed.sys.", StringComparison.Ordinal);

    private static PtxActor ActorOf(string operation) => operation switch
    {
        "bra" or "bra.uni" => PtxActor.Branch,
        "ret" => PtxActor.Return,
        _ when operation.Contains(".sync", StringComparison.Ordinal) || operation.StartsWith("mbarrier.try_wait", StringComparison.Ordinal) => PtxActor.Together,
        _ when operation.Split('.')[0] is "cp" or "mbarrier" or "bar" or "fence" or "griddepcontrol" => PtxActor.Asynchronous,
        _ => PtxActor.Alone,
    };
}

/// <summary>Who carries an instruction out.</summary>
internal enum PtxActor
{
    /// <summary>The thread.</summary>
    Alone,

    /// <summary>The thread goes on elsewhere.</summary>
    Branch,

    /// <summary>The thread ends.</summary>
    Return,

    /// <summary>The copy engine or a barrier, at some time.</summary>
    Asynchronous,

    /// <summary>The thread with others: it waits for them.</summary>
    Together,
}

/// <summary>A number, a register, a name, or a list of operands in braces or brackets.</summary>
internal sealed record PtxOperand(ulong Value, int Register, int Offset, string? Name, PtxOperand[] Parts);
