using System.Reflection;
using System.Text.RegularExpressions;
using ILGPU;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;
using ILGPU.IR.Values;
using Lean.Kernels.Device;

namespace Lean.Kernels.Compiler;

/// <summary>Teaches ILGPU the methods of Kernels/Device that carry [Ptx], [OpenCL] or [Portable].</summary>
internal static partial class Intrinsics
{
    /// <summary>Registers every intrinsic of an assembly.</summary>
    /// <exception cref="BuildException">A replacement does not exist.</exception>
    public static void Register(Context.Builder context, Assembly assembly)
    {
        IntrinsicImplementationManager manager = context.GetIntrinsicManager();
        foreach (MethodInfo method in assembly.GetTypes().SelectMany(t => t.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly)))
        {
            string? portable = method.GetCustomAttribute<PortableAttribute>()?.Method;
            bool ptx = method.IsDefined(typeof(PtxAttribute)), openCL = method.IsDefined(typeof(OpenCLAttribute));
            if (!ptx && !openCL && portable is null)
            {
                continue;
            }

            if (!method.IsDefined(typeof(IntrinsicImplementationAttribute)) || (portable is not null && method.DeclaringType!.GetMethod(portable) is null))
            {
                throw new BuildException($"intrinsic {method.DeclaringType!.Name}.{method.Name} lacks [IntrinsicImplementation], or its portable body {portable}");
            }

            if (ptx)
            {
                manager.RegisterMethod(method, new PTXIntrinsic(typeof(Intrinsics), nameof(WritePtx), IntrinsicImplementationMode.GenerateCode));
            }
            else if (portable is not null)
            {
                manager.RegisterMethod(method, new PTXIntrinsic(method.DeclaringType!, portable, IntrinsicImplementationMode.Redirect));
            }

            if (method.DeclaringType!.IsDefined(typeof(CudaInstructionsAttribute)))
            {
                manager.RegisterMethod(method, new CLIntrinsic(typeof(Intrinsics), nameof(RefuseOpenCL), IntrinsicImplementationMode.GenerateCode));
            }
            else if (openCL)
            {
                manager.RegisterMethod(method, new CLIntrinsic(typeof(Intrinsics), nameof(WriteOpenCL), IntrinsicImplementationMode.GenerateCode));
            }
            else if (portable is not null)
            {
                manager.RegisterMethod(method, new CLIntrinsic(method.DeclaringType!, portable, IntrinsicImplementationMode.Redirect));
            }
        }
    }

    // Called by ILGPU for each call of a [Ptx] method.
    private static void WritePtx(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        var call = (MethodCall)value;
        string code = call.Target.Source.GetCustomAttribute<PtxAttribute>()!.Code;
        var arguments = new List<PTXCodeGenerator.PrimitiveRegister>();
        foreach (ValueReference node in call.Nodes)
        {
            Flatten(generator.Load(node), arguments);
        }

        var results = new List<PTXCodeGenerator.PrimitiveRegister>();
        if (!call.Target.IsVoid)
        {
            Flatten(generator.Allocate(value), results);
        }

        // A constant gets a register of its own only where the code asks for one, and only once.
        var names = new string?[arguments.Count];
        string text = Operand().Replace(code, match =>
        {
            int index = int.Parse(match.Groups[2].ValueSpan);
            return match.Groups[1].Value switch
            {
                "$" => Name(generator, results[index]),
                "#" => names[index] ??= Name(generator, arguments[index]),
                _ => $"{Constant(call, arguments[index], index) + (match.Groups[3].Success ? int.Parse(match.Groups[3].ValueSpan) : 0)}",
            };
        });
        text = Registers().Replace(text, match =>
        {
            int first = int.Parse(match.Groups[2].ValueSpan), last = int.Parse(match.Groups[3].ValueSpan);
            return string.Join(", ", Enumerable.Range(first, last - first + 1).Select(i => $"{match.Groups[1].Value}{i}"));
        });
        generator.Builder.Append('\t').AppendLine(text);
    }

    private static int Constant(MethodCall call, PTXCodeGenerator.PrimitiveRegister argument, int index) =>
        argument is PTXCodeGenerator.ConstantRegister constant
            ? constant.Value.Int32Value
            : throw new NotSupportedException(
                $"{Described(call)} takes a constant as argument {index + 1}; an index of a loop is one only where the loop has a constant bound and the kernel sets Unroll");

    // Called by ILGPU where OpenCL C would need a CUDA instruction.
    private static void RefuseOpenCL(CLBackend backend, CLCodeGenerator generator, Value value) =>
        throw new NotSupportedException($"{Described((MethodCall)value)} is an instruction of CUDA alone; the kernel needs [Cuda]");

    private static string Described(MethodCall call) => $"{call.Target.Source.DeclaringType!.Name}.{call.Target.Source.Name}";

    // Called by ILGPU for each call of an [OpenCL] method.
    private static void WriteOpenCL(CLBackend backend, CLCodeGenerator generator, Value value)
    {
        var call = (MethodCall)value;
        string expression = call.Target.Source.GetCustomAttribute<OpenCLAttribute>()!.Expression;
        var arguments = new List<CLCodeGenerator.Variable>();
        foreach (ValueReference node in call.Nodes)
        {
            arguments.Add(generator.Load(node));
        }

        using CLCodeGenerator.StatementEmitter statement = generator.BeginStatement(generator.Allocate(value));
        int written = 0;
        foreach (Match match in Operand().Matches(expression))
        {
            statement.AppendCommand(expression[written..match.Index]);
            statement.Append(arguments[int.Parse(match.Groups[2].ValueSpan)]);
            written = match.Index + match.Length;
        }

        statement.AppendCommand(expression[written..]);
    }

    private static string Name(PTXCodeGenerator generator, PTXCodeGenerator.PrimitiveRegister register) =>
        "%" + PTXCodeGenerator.GetStringRepresentation(register as PTXCodeGenerator.HardwareRegister ?? generator.EnsureHardwareRegister(register));

    private static void Flatten(PTXCodeGenerator.Register register, List<PTXCodeGenerator.PrimitiveRegister> into)
    {
        if (register is PTXCodeGenerator.CompoundRegister compound)
        {
            foreach (PTXCodeGenerator.Register child in compound.Children)
            {
                Flatten(child, into);
            }
        }
        else
        {
            into.Add((PTXCodeGenerator.PrimitiveRegister)register);
        }
    }

    [GeneratedRegex(@"([$#@])(\d+)(?:\+(\d+))?")]
    private static partial Regex Operand();

    // acc0..127 stands for all of them.
    [GeneratedRegex(@"\b([a-z]+)(\d+)\.\.(\d+)\b")]
    private static partial Regex Registers();
}
